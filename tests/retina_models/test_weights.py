"""Weights from files of each kind, good and bad, and what a report says became of each key."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from retina_models.errors import WeightsError
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import (
    LoadReport,
    Weights,
    kind_of,
    load_weights,
    read_metadata,
    read_weights,
    save_weights,
)


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_a_torchvision_file_loads_but_for_its_classifier(tmp_path: Path, theirs: dict[str, torch.Tensor]) -> None:
    weights = read_weights(saved(tmp_path / "theirs.pth", theirs), "resnet18")
    model = resnet18(5)
    fresh = model.fc.weight.detach().clone()
    report = load_weights(model, weights)
    assert report.wrong_shape == (("fc.weight", (1000, 512), (5, 512)), ("fc.bias", (1000,), (5,)))
    assert len(report.loaded) == len(theirs) - 2 and not report.new and not report.unused
    assert all(torch.equal(model.state_dict()[key], theirs[key]) for key in report.loaded)
    assert torch.equal(model.fc.weight, fresh)
    assert weights.source == "theirs.pth"
    assert weights.digest == hashlib.sha256((tmp_path / "theirs.pth").read_bytes()).hexdigest()
    assert "fc.weight (file [1000, 512], model [5, 512])" in str(report)


def test_the_labs_head_takes_the_classifier_too(tmp_path: Path, theirs: dict[str, torch.Tensor]) -> None:
    model = resnet18(5, head="lab")
    report = load_weights(model, read_weights(saved(tmp_path / "theirs.pt", theirs), "resnet18"))
    assert report.new == ("fc_lab.weight", "fc_lab.bias") and not report.wrong_shape
    assert torch.equal(model.fc.weight, theirs["fc.weight"])


def test_every_key_is_in_exactly_one_list(tmp_path: Path, theirs: dict[str, torch.Tensor]) -> None:
    odd = {key: value for key, value in theirs.items() if not key.startswith("layer1")} | {"extra": torch.ones(1)}
    model = resnet18(5)
    report = load_weights(model, read_weights(saved(tmp_path / "odd.pth", odd), "resnet18"))
    wrong = [key for key, _, _ in report.wrong_shape]
    listed = [*report.loaded, *report.new, *report.unused, *wrong]
    assert sorted(listed) == sorted({*odd, *model.state_dict()})
    assert report.unused == ("extra",) and all(key.startswith("layer1") for key in report.new)
    assert "and 18 more" in str(report)  # 24 keys are new, 6 of them are named


def test_a_file_of_before_the_counters_loads(tmp_path: Path, theirs: dict[str, torch.Tensor]) -> None:
    old = {key: value for key, value in theirs.items() if not key.endswith("num_batches_tracked")}
    model = resnet18(1000)
    report = load_weights(model, read_weights(saved(tmp_path / "old.pth", old), "resnet18"))
    assert report.loaded == tuple(old)
    assert report.new == tuple(key for key in theirs if key.endswith("num_batches_tracked"))
    assert model.bn1.num_batches_tracked.item() == 0


def test_weights_of_another_architecture_are_named_with_both_shapes(
    tmp_path: Path, theirs: dict[str, torch.Tensor]
) -> None:
    report = load_weights(resnet50(), read_weights(saved(tmp_path / "small.pth", theirs), "resnet50"))
    shapes = {key: (file, model) for key, file, model in report.wrong_shape}
    assert shapes["layer1.0.conv1.weight"] == ((64, 64, 3, 3), (64, 64, 1, 1))
    assert "layer4.2.conv3.weight" in report.new
    assert len(report.loaded) < 0.5 * len(resnet50().state_dict())


@pytest.mark.parametrize("counters", [False, True])
def test_nothing_loaded_is_an_error_even_if_counters_fit(
    tmp_path: Path, theirs: dict[str, torch.Tensor], counters: bool
) -> None:
    other = {f"module.{key}": value for key, value in theirs.items()}
    if counters:
        other |= {key: value for key, value in theirs.items() if key.endswith("num_batches_tracked")}
    model = resnet18()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match="at least one tensor of other.pth must fit resnet18"):
        load_weights(model, read_weights(saved(tmp_path / "other.pth", other), "resnet18"))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_what_is_written_is_read_again_to_the_bit(tmp_path: Path) -> None:
    model = resnet18(seed=1).to(memory_format=torch.channels_last)
    path = tmp_path / "best.safetensors"
    digest = save_weights(path, model.state_dict(), {"architecture": "resnet18"})
    weights = read_weights(path, "resnet18")
    assert weights.digest == digest and weights.source == "best.safetensors"
    other = resnet18(seed=2)
    report = load_weights(other, weights)
    assert report == LoadReport(tuple(model.state_dict()), (), (), ())
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in model.state_dict().items())
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


def test_the_same_tensors_and_metadata_are_the_same_file(tmp_path: Path) -> None:
    """The library itself writes metadata in another order each time."""
    tensors = {"b": torch.arange(3), "a": torch.ones(2, 5, dtype=torch.float16)}
    about = {name: name * 3 for name in "hgfedcba"}
    digests = {save_weights(tmp_path / f"{n}.safetensors", tensors, about) for n in range(4)}
    assert len(digests) == 1
    assert read_metadata(tmp_path / "0.safetensors") == about
    again = read_weights(tmp_path / "0.safetensors", "resnet18").state
    assert all(torch.equal(again[name], value) and again[name].dtype == value.dtype for name, value in tensors.items())


@pytest.mark.parametrize(
    ("name", "metadata", "digest", "kind"),
    [
        ("r.pth", {}, "f37072fd" + "0" * 56, "imagenet"),
        ("r.pth", {}, "0" * 64, "file"),
        ("r.safetensors", {"kind": "synthetic"}, "0" * 64, "synthetic"),
        ("r.safetensors", {"kind": "imagenet"}, "0" * 64, "file"),
        ("r.safetensors", {}, "0" * 64, "file"),
    ],
)
def test_the_kind_of_weights_is_told_by_content_alone(
    tmp_path: Path, name: str, metadata: dict[str, str], digest: str, kind: str
) -> None:
    save_weights(tmp_path / name, {"a": torch.ones(1)}, metadata)
    assert kind_of(tmp_path / name, Weights("resnet18", {}, digest, name)) == kind


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save_weights(path, {"a": torch.ones(2)}, {})
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_training_is_read_too(tmp_path: Path, theirs: dict[str, torch.Tensor]) -> None:
    weights = read_weights(saved(tmp_path / "last.pt", {"epoch": 3, "model": theirs}), "resnet18")
    assert weights.state.keys() == theirs.keys()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"broken.{suffix}"
    if suffix == "pth":
        torch.save({"a": torch.ones(1000)}, path)
    else:
        save_weights(path, {"a": torch.ones(1000)}, {})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"not weights at all"}[damage])
    with pytest.raises(WeightsError, match=f"broken.{suffix}") as caught:
        read_weights(path, "resnet18")
    assert "\n" not in str(caught.value)


class Trap:
    """Unpickling it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_file_with_code_in_it_is_refused_and_runs_nothing(tmp_path: Path, how: str) -> None:
    path, content = tmp_path / "trap.pth", {"a": Trap(tmp_path / "sprung")}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match="^trap.pth is no plain state dict: loading it could run code") as caught:
        read_weights(path, "resnet18")
    assert not (tmp_path / "sprung").exists() and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.ones(3)])
def test_something_else_than_a_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(WeightsError, match="^else.pth must hold a state dict"):
        read_weights(saved(tmp_path / "else.pth", content), "resnet18")


def test_a_missing_file_and_an_unknown_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere.pth is not a file"):
        read_weights(tmp_path / "nowhere.pth", "resnet18")
    with pytest.raises(WeightsError, match="resnet18, resnet50, but got 'resnet34'"):
        read_weights("imagenet", "resnet34")
