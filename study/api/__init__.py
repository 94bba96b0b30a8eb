"""The Python API: what `from study import ...` gives, for notebooks and scripts."""
