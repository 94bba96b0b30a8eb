"""Statistics: array in, array out."""
