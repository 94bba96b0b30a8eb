"""One training run without Ray: a new configuration, or a trial again."""
