"""YAML from outside: bounded in size, depth and what aliases make of it, before it becomes values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from retina_data.errors import DataError
from retina_data.gate import plain, read_file
from study.errors import ConfigError

MOST_BYTES = 200_000

MOST_NODES = 50_000  # once each alias is what it stands for

MOST_DEPTH = 30

NUMBERS, MOST_DIGITS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"), 100


def read_yaml_text(path: Path) -> str:
    """Text of a YAML file. Raises OSError, UnicodeDecodeError, and ConfigError for one that is too large or no file."""
    try:
        return read_file(path, MOST_BYTES).decode("utf-8")
    except DataError as error:
        raise ConfigError(str(error)) from None


def parse_yaml(text: str, name: str) -> tuple[Any, Any]:
    """The composed node of a YAML text (None of an empty one), and its plain values. name: of its file, for messages.

    Raises ConfigError for a text that is no YAML, or that is too deep or too large once its aliases are followed.
    """
    try:
        _check_depth(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _check_size(node, name)
        return node, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not YAML: {plain(' '.join(str(error).split()))[:500]}") from None
    except (ValueError, OverflowError) as error:  # of a date or a number that there cannot be
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{name} is not YAML: {plain(str(error))[:200]}") from None


def _check_depth(text: str, name: str) -> None:
    """What is nested is counted while it is read: a deep text would take the stack of who composes it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEPTH or count > 3 * MOST_NODES:
            line = f" (line {event.start_mark.line + 1})" if event.start_mark else ""
            raise ConfigError(f"{name} must have at most {MOST_DEPTH} levels, but is deeper or longer{line}")


def _check_size(root: yaml.Node, name: str) -> None:
    """Count nodes, each alias as what it stands for; raises ConfigError for too many, or one that holds itself."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: frozenset[int]) -> int:
        if id(node) in above:
            raise ConfigError(f"{name} must not hold an alias within what it stands for; write it out")
        if node.tag in NUMBERS and len(node.value) > MOST_DIGITS:
            raise ConfigError(
                f"a number must have at most {MOST_DIGITS} digits ({name}, line {node.start_mark.line + 1})"
            )
        if id(node) not in sizes:
            children = node.value if isinstance(node, yaml.CollectionNode) else []
            flat = [one for child in children for one in (child if isinstance(child, tuple) else (child,))]
            inside = above | {id(node)}
            sizes[id(node)] = 1 + sum(size(one, inside) for one in flat)
        return sizes[id(node)]

    if size(root, frozenset()) > MOST_NODES:
        raise ConfigError(f"{name} must hold at most {MOST_NODES:,} values, but its aliases make more; write them out")
