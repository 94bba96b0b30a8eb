"""The base of all errors that pretrained weights cause, and that of compiling."""

from __future__ import annotations


class WeightsError(ValueError):
    """Weights cannot be had, read or used; the message names the file and a remedy."""


class CompilationError(RuntimeError):
    """A network cannot be compiled on this machine, whatever its weights; the message names a remedy."""
