"""Label files in the layouts that are known -> one table of images."""
