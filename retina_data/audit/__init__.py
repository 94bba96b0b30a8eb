"""Checks of a data set: labels, images, duplicates, and baselines that look at no image."""
