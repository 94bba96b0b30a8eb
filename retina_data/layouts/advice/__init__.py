"""What to do where a data set cannot be read as it is, after a look at what is there."""
