"""The base of all errors that pretrained weights cause."""

from __future__ import annotations


class WeightsError(ValueError):
    """Weights cannot be had, read or used; the message names the file and a remedy."""
