"""A study's configuration as a YAML file: an error names the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from study.config.study import NAMED_WEIGHTS, StudyConfig, make_study_config
from study.config.yaml_text import parse_yaml, read_yaml_text
from study.errors import ConfigError


def read_study_config(path: Path, overrides: dict[str, Any] | None = None) -> StudyConfig:
    """StudyConfig in a YAML file, with `overrides` (flags of the command line) laid over it.

    Raises ConfigError with file and line for a file that is missing, empty, is no YAML, or breaks a rule.
    """
    try:
        text = read_yaml_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error  # the rest may name a number where the path belongs
        raise ConfigError(f"{path} cannot be read ({reason}); give --config the path of a YAML file") from None
    node, values = parse_yaml(text, path.name)
    if values is None:  # most often a file that was never saved; the default search has to be asked for
        raise ConfigError(
            f"{path.name} must hold `key: value` lines, but is empty (line 1); write the study into it, or `{{}}` for "
            "the default one"
        )
    if twice := _given_twice(node):
        key, first, second = twice
        lines = f"line {first}" if first == second else f"lines {first} and {second}"
        raise ConfigError(f"{key[:80]} must be given once, but stands twice ({path.name}, {lines}); delete one of them")
    if isinstance(values, dict) and isinstance(values.get("weights"), dict):
        values["weights"] = {name: _beside(path, source) for name, source in values["weights"].items()}
    if not isinstance(values, dict):
        raise ConfigError(f"{path.name} must hold `key: value` lines, but holds a {type(values).__name__}")
    return make_study_config(values, overrides or {}, place=lambda keys: f" ({path.name}, line {_line(node, keys)})")


def _beside(path: Path, source: Any) -> Any:
    """A weights file is looked for beside the YAML file that names it; trials run in other folders."""
    if source in NAMED_WEIGHTS or not isinstance(source, str):
        return source
    return str((path.parent / source).resolve())


def _given_twice(node: Any) -> tuple[str, int, int] | None:
    """The first key that a mapping of a composed YAML document holds twice, and its lines; YAML takes the last."""
    found: list[tuple[str, int, int]] = []
    left, visited = [node], set()
    while left:
        child = left.pop()
        if id(child) in visited:  # an alias may hold what holds it
            continue
        visited.add(id(child))
        if isinstance(child, yaml.SequenceNode):
            left += child.value
        if not isinstance(child, yaml.MappingNode):
            continue
        lines: dict[str, int] = {}
        for key_node, value_node in child.value:
            left.append(value_node)
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if key_node.value in lines:
                found.append((key_node.value, lines[key_node.value], line))
            lines.setdefault(key_node.value, line)
    return min(found, key=lambda one: one[2], default=None)


def _line(node: Any, keys: Sequence[str]) -> int:
    """Line, from 1, of the deepest key of a path that stands in a composed YAML document."""
    line = 1
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        for key_node, value_node in node.value:
            if key_node.value == key:
                line, node = key_node.start_mark.line + 1, value_node
                break
        else:
            break
    return line


def to_yaml(config: BaseModel) -> str:
    """YAML text that reads back as an equal configuration."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
