"""The base of all errors of `study`; the command prints one in a line and ends with its exit code."""

from __future__ import annotations

from typing import Any

from retina_data.gate import plain


class StudyError(Exception):
    """A study cannot go on; the message names rule, value, place and remedy in one line."""

    exit_code = 1


class ConfigError(StudyError, ValueError):
    """A configuration or another input breaks a rule.

    keys: path of the key that is wrong, such as ("space", "lr"), and its value; () where no key is.
    """

    exit_code = 2

    def __init__(self, message: str, keys: tuple[str, ...] = (), value: Any = None) -> None:
        super().__init__(plain(message, lines=True))  # it may quote what stood in a file
        self.keys = keys
        self.value = value


def os_error_text(error: OSError) -> str:
    """What the system said, and of which file."""
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
