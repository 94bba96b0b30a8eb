"""Synthetic photographs with known lesions and grades."""
