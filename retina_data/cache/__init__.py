"""Decoded photographs on disk, one memory map for each data set, size, crop and colour."""
