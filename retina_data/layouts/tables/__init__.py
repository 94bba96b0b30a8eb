"""Label files: the lab's, the published ones, those whose columns the user names, and what the others look like."""
