"""Label files with a header: the published ones, those whose columns the user names, and what the others look like."""
