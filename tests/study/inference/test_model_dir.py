import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from analysis.schema import GRADES
from analysis.tables.model_card_scores import score_split
from retina_data.images.field_of_view import Shape
from retina_models.errors import WeightsError
from retina_models.resnet import resnet18
from study.errors import ConfigError
from study.inference.model_dir import (
    CONFIG,
    MAX_JSON,
    PREPROCESSING,
    WEIGHTS,
    Preprocessing,
    describe,
    read_model,
    write_model,
)
from study.training.prediction import Grader

VALUES: dict[str, Any] = {
    "architecture": "resnet18", "head": "linear", "temperature": 1.5, "referable_threshold": 0.4,
    "origin": {"study": "s", "epoch": 2},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    write_model(made, Grader([resnet18(seed=2)]), VALUES, describe(64, "fov", "none", "imagenet"))
    return made


def test_a_model_comes_back_as_it_was_written(folder: Path) -> None:
    model = read_model(folder)
    assert model.settings.temperature == 1.5
    assert model.preprocessing.image_size == 64
    assert not model.grader.training
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.grader.first(x), resnet18(seed=2).eval()(x))


@pytest.mark.parametrize(("members", "views", "decision"), [(1, 4, "median"), (3, 8, "most_probable")])
def test_members_views_and_decision_come_back(tmp_path: Path, members: int, views: int, decision: str) -> None:
    grader = Grader([resnet18(seed=seed) for seed in range(members)], views).eval()
    write_model(tmp_path, grader, VALUES | {"decision": decision}, describe(64, "fov", "none", "imagenet"))
    model = read_model(tmp_path)
    assert (model.settings.members, model.settings.views, model.settings.decision) == (members, views, decision)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.grader(x), grader(x))


def test_a_folder_of_before_there_were_members_views_and_decisions_is_read(folder: Path) -> None:
    content = json.loads((folder / CONFIG).read_text())
    for name in ("members", "views", "decision"):
        del content[name]
    (folder / CONFIG).write_text(json.dumps(content))
    model = read_model(folder)
    assert (model.settings.members, model.settings.views, model.settings.decision) == (1, 1, "most_probable")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.grader(x), resnet18(seed=2).eval()(x).log_softmax(dim=1))


@pytest.mark.parametrize("members", [2, 32])
def test_members_that_the_weights_lack_are_refused_before_they_are_made(
    folder: Path, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.inference.model_dir.ARCHITECTURES", {})
    _changed(folder, CONFIG, members=members)
    with pytest.raises(
        WeightsError, match=r"model.safetensors must hold the networks' tensors and no other, but lacks"
    ):
        read_model(folder)


def test_members_beyond_those_of_the_settings_are_refused(tmp_path: Path) -> None:
    grader = Grader([resnet18(seed=seed) for seed in range(3)])
    write_model(tmp_path, grader, VALUES, describe(64, "fov", "none", "imagenet"))
    _changed(tmp_path, CONFIG, members=2)
    with pytest.raises(WeightsError, match=r"has '2\.bn1"):
        read_model(tmp_path)


def test_doubts_come_along_and_a_folder_of_before_there_were_any_is_read(folder: Path) -> None:
    content = json.loads((folder / CONFIG).read_text())
    assert content.pop("limitations") == []
    (folder / CONFIG).write_text(json.dumps(content))
    assert read_model(folder).settings.limitations == []
    same, mixed = np.tile([0.9, 0.1, 0, 0, 0], (8, 1)), np.tile(np.eye(5)[[0, 1]], (4, 1))
    for chances, word in (
        (same, "Constant predictor on validation"),
        (mixed, "On validation it is not shown to beat guessing"),
    ):
        table = pd.DataFrame(chances, columns=[f"p{grade}" for grade in GRADES])
        doubt = score_split("validation", table.assign(patient=range(8), grade=[0, 0, 1, 1] * 2), "median").limitation()
        assert doubt.startswith(word)
        _changed(folder, CONFIG, limitations=[doubt])
        assert read_model(folder).settings.limitations == [doubt]


def _changed(folder: Path, name: str, **values: Any) -> None:
    content = json.loads((folder / name).read_text()) | values
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "values", "word"),
    [
        (CONFIG, {"temperature": "1.5"}, "temperature"),
        (CONFIG, {"temperature": -1}, "temperature"),
        (CONFIG, {"temperature": float("nan")}, "temperature"),
        (CONFIG, {"temperature": True}, "temperature"),
        (CONFIG, {"architecture": "../../etc/passwd"}, "architecture"),
        (CONFIG, {"architecture": ["resnet18"]}, "architecture"),
        (CONFIG, {"weights": "/etc/passwd"}, "weights"),
        (CONFIG, {"version": 2}, "version"),
        (CONFIG, {"members": 0}, "members"),
        (CONFIG, {"members": 33}, "members"),
        (CONFIG, {"members": 10**12}, "members"),
        (CONFIG, {"members": 2.0}, "members"),
        (CONFIG, {"members": True}, "members"),
        (CONFIG, {"views": 2}, "views"),
        (CONFIG, {"views": "4"}, "views"),
        (CONFIG, {"views": True}, "views"),
        (CONFIG, {"views": [4]}, "views"),
        (CONFIG, {"decision": "mean"}, "decision"),
        (CONFIG, {"decision": None}, "decision"),
        (CONFIG, {"weights_sha256": "../x"}, "weights_sha256"),
        (CONFIG, {"classes": ["a"]}, "classes"),
        (CONFIG, {"limitations": "guessing"}, "limitations"),
        (CONFIG, {"limitations": [1]}, "limitations"),
        (CONFIG, {"limitations": [""]}, "limitations"),
        (CONFIG, {"limitations": ["a\x1b[2Jb"]}, "limitations"),
        (CONFIG, {"limitations": ["a\n"]}, "limitations"),
        (CONFIG, {"limitations": ["a" * 501]}, "limitations"),
        (CONFIG, {"limitations": ["a"] * 11}, "limitations"),
        (CONFIG, {"\x1b[2Jkey": 1}, "x1b"),
        (PREPROCESSING, {"image_size": 10**9}, "image_size"),
        (PREPROCESSING, {"image_size": 64.0}, "image_size"),
        (PREPROCESSING, {"crop": "rm -rf"}, "crop"),
        (PREPROCESSING, {"mean": [0.0, 0.0, 0.0]}, "mean and deviation"),
        (PREPROCESSING, {"mean": None}, "mean"),
    ],
)
def test_a_field_of_another_type_or_out_of_bounds_is_refused_in_one_line(
    folder: Path, name: str, values: dict[str, Any], word: str
) -> None:
    _changed(folder, name, **values)
    with pytest.raises(ConfigError) as caught:
        read_model(folder)
    text = str(caught.value)
    assert text.startswith(f"{name} must be as `retina export` wrote it")
    assert word in text
    assert text.isprintable()
    assert len(text) < 400


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b"{" + b" " * MAX_JSON, b'{"a": 1', b"cos\nsystem\n(S'x'\ntR."],
)
@pytest.mark.parametrize("name", [CONFIG, PREPROCESSING])
def test_a_file_that_is_something_else_is_refused_in_one_line(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name) as caught:
        read_model(folder)
    assert str(caught.value).isprintable()


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        read_model(tmp_path / "nothing")
    (folder / WEIGHTS).unlink()
    with pytest.raises(WeightsError, match="model.safetensors must be in the model's folder"):
        read_model(folder)
    (folder / CONFIG).unlink()
    with pytest.raises(ConfigError, match="wrote, but .* has no config.json; name another"):
        read_model(folder)


def test_weights_must_be_those_of_the_digest(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-5] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256"):
        read_model(folder)


def _state(**values: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = resnet18().state_dict() | {key.replace("__", "."): value for key, value in values.items()}
    return {key: value.contiguous() for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (_state(fc__bias=None), "lacks 'fc.bias'"),
        (_state(extra=torch.zeros(1)), "has 'extra'"),
        (_state(fc__bias=torch.zeros(7)), r"fc.bias of .* must be torch.float32 \(5,\)"),
        (_state(fc__bias=torch.zeros(5, dtype=torch.float64)), "float64"),
        (_state(fc__bias=torch.full((5,), float("nan"))), "finite"),
    ],
)
def test_weights_of_something_else_are_refused(folder: Path, state: dict[str, torch.Tensor], word: str) -> None:
    import hashlib

    save_file(state, folder / WEIGHTS)
    _changed(folder, CONFIG, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match=word):
        read_model(folder)


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_pickle_in_the_place_of_the_weights_is_never_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    monkeypatch.chdir(folder)
    torch.save({"model": _Harm()}, folder / WEIGHTS)
    _changed(folder, CONFIG, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match="no safetensors file"):
        read_model(folder)
    assert not (folder / "harmed").exists()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("circle", "as a circle;"),
        ("ellipse", "as an ellipse;"),
        ("each", "as a circle, where none fits"),
        ("frame", ""),
    ],
)
def test_the_decision_on_the_field_of_view_is_written_in_both_ways(shape: Shape, words: str) -> None:
    made = describe(64, "fov", "none", "imagenet", shape)
    assert made.field_of_view == shape
    assert any(words in step for step in made.steps)
    assert any("find the field of view" in step for step in made.steps) is (shape != "frame")


def test_a_folder_of_before_the_decision_has_circles() -> None:
    values = describe(64, "fov", "none", "imagenet", "ellipse").model_dump()
    del values["field_of_view"]
    assert Preprocessing.model_validate(values).field_of_view == "circle"
