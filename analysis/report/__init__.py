"""The HTML page and its sentences."""
