"""Patients by the names of their images: what a name tells, keys, and the signs that these are wrong."""
