"""What is refused or doubted of a data set, and what to do about it, after a look at what is there."""
