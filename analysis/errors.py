"""The base of all errors that recorded runs cause."""

from __future__ import annotations


class RunsError(ValueError):
    """What the tracking store holds breaks a rule; the message names rule, value, place and remedy."""
