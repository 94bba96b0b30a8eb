"""What a call says, resolved with what the study knows, before any photograph is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import ConfigError
from study.planning.inputs import Inputs, resolve
from tests.fixtures.study import small_data

FLAGS = {"image_size": 32, "epochs": 2, "trials": 2, "architecture": "resnet18", "pretrained": False}


def test_resolve_opens_no_photograph(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    for picture in data.rglob("*.png"):
        picture.write_bytes(b"torn")
    resolved = resolve("s", tmp_path / "home", None, Inputs(data=data, overrides=FLAGS))
    assert list(resolved.groups) == ["resnet18-scratch"]
    assert (resolved.weights, resolved.not_run, resolved.another_fold) == ({}, {}, False)
    assert not (tmp_path / "home").exists()


def test_resolve_without_data_names_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a new study needs data, .* add --data FOLDER"):
        resolve("s", tmp_path, None, Inputs(overrides=FLAGS))


def test_resolve_checks_rules_that_join_fields(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    with pytest.raises(ConfigError, match="freeze_epochs = 0 must hold without pretrained weights"):
        resolve("s", tmp_path, None, Inputs(data=data, overrides={**FLAGS, "freeze_epochs": 1}))
