"""The base of all errors that a user's input causes in `study`."""

from __future__ import annotations


class ConfigError(ValueError):
    """A configuration breaks a rule; the message names rule, value, place and remedy."""
