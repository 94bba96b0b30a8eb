"""The base of all errors that a data set causes."""

from __future__ import annotations


class DataError(ValueError):
    """A data set breaks a rule; the message names rule, value, place and remedy in one line."""
