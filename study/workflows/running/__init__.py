"""What search and confirm share: the run itself, outer folds, dry run."""
