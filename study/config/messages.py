"""The message and the key path of a configuration that breaks a rule."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from study.errors import ConfigError

MODEL_CONFIG = "config.json"
"""In the folder of an exported model."""


def check_model(folder: Path) -> None:
    """Raise ConfigError for what cannot be the folder of an exported model."""
    if not (folder / MODEL_CONFIG).exists():
        lacks = f"has no {MODEL_CONFIG}" if folder.is_dir() else "is no folder"
        raise ConfigError(
            f"MODEL must be a folder that `retina export` wrote, but {folder} {lacks}; name another, or export a study"
        )


def not_searched(name: str) -> ConfigError:
    """The error about a study that a confirmation does not find."""
    return ConfigError(
        f"a study must have been searched before it is confirmed, but there is no study {name} here; `retina status` "
        "lists those that are, --home FOLDER another home's"
    )


def did_you_mean(name: str, known: Any) -> str:
    """End of a message about an unknown name: the nearest known one, else all of them."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; the fields are {', '.join(known)}"


BRANCHES = ("Range", "Values", "ByOptimizer")
"""Kinds of axes of a search space, which are parts of pydantic's path and no key of the file."""

AUTO = "auto"

FOLLOWS_DEVICE = ("precision",)
"""Fields that a study or a command may leave to the device (`auto`, their default there); a trial has a value."""

CONSTRAINT_SYMBOLS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}


def config_error(error: ValidationError, known: Iterable[str], *, one_of_many: bool = False) -> ConfigError:
    """The first broken rule: key path, value, and one sentence.

    known: the keys that the configuration may have. one_of_many: the value is one of an axis, where none is left open.
    """
    first = error.errors(include_url=False)[0]
    value, kind, context = first["input"], first["type"], first.get("ctx", {})
    own = context.get("error")
    if isinstance(own, ConfigError):  # a validator of ours has named its key
        return own
    keys = [str(key) for key in first["loc"] if re.fullmatch(r"\w+", str(key)) and key not in BRANCHES]
    last = str(first["loc"][-1]) if first["loc"] else ""
    if kind in ("extra_forbidden", "invalid_key") and last not in keys[-1:]:  # a key that no field's name is like
        keys.append(last)
    name = ".".join(keys)
    if kind in CONSTRAINT_SYMBOLS:
        sign, key = CONSTRAINT_SYMBOLS[kind]
        text = f"`{name} {sign} {context[key]:g}` must hold, but got {name}={_short(str(value))}"
    elif kind == "literal_error":
        open_too = f"{AUTO!r}, " if last in FOLLOWS_DEVICE and not one_of_many else ""
        text = f"{name} must be one of {open_too}{context['expected']}, but got {name}={_short(repr(value))}"
    elif kind == "extra_forbidden":
        text = f"{name[:80]} is no known key{did_you_mean(keys[-1][:80], known)}"
    elif kind == "value_error":
        text = str(own)
    else:
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        text = f"{name[:80] or 'the configuration'}: {message}, but got {_short(repr(value))}"
    return ConfigError(text, tuple(keys), value)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."
