"""YAML that means harm, or is only wrong, is one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.config.yaml_text import MOST_BYTES, parse_yaml, read_yaml_text
from study.errors import ConfigError

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (BOMB, "its aliases make more"),
        ("a: &a [*a]\n", "an alias within what it stands for"),
        ("[" * 50_000, "at most 30 levels"),
        ("{a: " * 100, "at most 30 levels"),
        ("a: 2001-99-99\n", "is not YAML: month"),
        ("a: !!python/object/apply:os.system ['true']\n", "is not YAML: could not determine a constructor"),
        ("? [1]\n: 2\n? {}\n: 3\n", "is not YAML"),
        (f"a: {'9' * 5000}\n", "at most 100 digits"),
        ("a: 'x\n", "is not YAML"),
        ("a: \x1b[31m\n", "is not YAML"),
        ("a: " + "1:" * 20_000 + "1\n", "at most 100 digits"),
    ],
)
def test_yaml_that_cannot_be_values_is_refused(text: str, wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted) as caught:
        parse_yaml(text, "lab.yaml")
    said = str(caught.value)
    assert "lab.yaml" in said and "\n" not in said and "\x1b" not in said


def test_ordinary_yaml_and_its_aliases_are_values() -> None:
    node, values = parse_yaml("a: &x {b: 1}\nc: *x\nd: [1, 2]\n", "lab.yaml")
    assert values == {"a": {"b": 1}, "c": {"b": 1}, "d": [1, 2]} and node is not None
    assert parse_yaml("", "lab.yaml") == (None, None)


def test_a_file_that_is_none_or_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    for name, wanted in (("pipe", "must be a regular file"), ("large", "must have at most 200,000 bytes")):
        with pytest.raises(ConfigError, match=wanted):
            read_yaml_text(tmp_path / f"{name}.yaml")
