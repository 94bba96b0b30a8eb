"""The application: the `retina` command, training, search, tracking."""
