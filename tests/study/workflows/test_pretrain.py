"""Source weights: made once, gone on with to the bit, and what their file says of itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from retina_data.layouts.dataset import read_index
from retina_data.synthetic.dataset import make_dataset
from retina_models.weights import kind_of, read_metadata, read_weights
from study.errors import ConfigError
from study.storage.lock import LockedError, locked
from study.training.leakage import read_provenance
from study.training.train import Epoch, train
from study.workflows import pretrain
from study.workflows.pretrain import Source, make_source_weights

TINY = Source(patients=24, image_size=32, epochs=2, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose weights/ has what TINY gives for ResNet18; the folder's name must stand in no file."""
    home = tmp_path_factory.mktemp("jane-doe") / "home"
    _make(home, home / "weights", TINY)
    return home


def _make(home: Path, out: Path, source: Source) -> Path:
    return make_source_weights("resnet18", source, out, home)


def _copy(folder: Path, to: Path) -> Path:
    """A folder with the photographs, and no weights."""
    return Path(shutil.copytree(folder / "weights", to, ignore=shutil.ignore_patterns("*.safetensors")))


def test_a_file_says_what_it_was_made_from_and_names_nobody(folder: Path) -> None:
    file = folder / "weights" / "synthetic-resnet18.safetensors"
    about = read_metadata(file)
    assert kind_of(file, read_weights(file, "resnet18")) == "synthetic"
    made_from, held_out = json.loads(about["made_from"]), json.loads(about["held_out"])
    assert made_from["source"] == "synthetic photographs"
    assert (made_from["photographs"], made_from["patients"], sum(made_from["grades"])) == (44, 22, 44)
    assert held_out["n"] == 4 and 0 < held_out["majority"] <= 1
    assert len(made_from["data_digest"]) == 64
    config = made_from["config"]
    assert (config["epochs"], config["seed"], config["image_size"], config["optimizer"]) == (2, 3, 32, "adamw")
    assert about["architecture"] == "resnet18" and about["epoch"] == "2"
    assert len(read_provenance(file)) == 12 * 44
    text = file.read_bytes().split(b'"data_offsets"')[0].decode(errors="replace") + json.dumps(about)
    for name in (str(folder), "jane-doe", str(Path.home()), "photographs-24", "1_left"):
        assert name not in text
    assert not list((folder / "weights").glob("*.checkpoints"))


def test_each_grade_is_about_as_frequent_in_the_synthetic_source(folder: Path) -> None:
    made_from = json.loads(read_metadata(folder / "weights" / "synthetic-resnet18.safetensors")["made_from"])
    assert max(made_from["grades"]) - min(made_from["grades"]) <= 6


def test_what_is_there_is_used_again_and_never_written_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _make(folder, folder / "weights", TINY)
    assert "is there already" in caplog.text
    with pytest.raises(ConfigError, match=r"was made from something else: epochs=2 \(now 3\); move it away, or give"):
        _make(folder, folder / "weights", replace(TINY, epochs=3))
    assert read_metadata(file)["epoch"] == "2"


def test_interrupted_it_goes_on_to_the_same_file_to_the_bit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, started = _copy(folder, tmp_path / "out"), []

    def killed_after_the_first(*arguments: Any, **named: Any) -> Iterator[Epoch]:
        for epoch in train(*arguments, **named):
            started.append(epoch.number)
            if epoch.number == 2:
                raise KeyboardInterrupt
            yield epoch

    monkeypatch.setattr(pretrain, "SAVE_SECONDS", 0)
    monkeypatch.setattr(pretrain, "train", killed_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        _make(folder, out, TINY)
    assert not list(out.glob("*.safetensors"))
    monkeypatch.undo()
    epochs: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Iterator[Epoch]:
        for epoch in train(*arguments, **named):
            epochs.append(epoch.number)
            yield epoch

    monkeypatch.setattr(pretrain, "train", counted)
    file = _make(folder, out, TINY)
    assert (started, epochs) == ([1, 2], [2])
    assert file.read_bytes() == (folder / "weights" / file.name).read_bytes()
    assert not list(out.glob("*.checkpoints"))


def test_a_checkpoint_is_written_after_some_seconds_and_at_the_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(pretrain, "save_last", lambda folder, state, report: saved.append(report["epoch"]))
    monkeypatch.setattr(pretrain.shutil, "rmtree", lambda folder: None)
    _make(folder, _copy(folder, tmp_path / "seldom"), replace(TINY, epochs=3))
    assert saved == [3]
    monkeypatch.setattr(pretrain, "SAVE_SECONDS", 0)
    _make(folder, _copy(folder, tmp_path / "often"), replace(TINY, epochs=3))
    assert saved == [3, 1, 2, 3]


def test_killed_between_the_last_epoch_and_the_file_nothing_is_trained_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = _copy(folder, tmp_path / "out")
    monkeypatch.setattr(pretrain, "save_weights", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        _make(folder, out, TINY)
    monkeypatch.undo()
    monkeypatch.setattr(pretrain, "train", lambda *_, **__: iter(()))
    file = _make(folder, out, TINY)
    assert file.read_bytes() == (folder / "weights" / file.name).read_bytes()


def test_a_checkpoint_of_another_source_is_said_and_not_gone_on_with(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out = _copy(folder, tmp_path / "out")

    def one_epoch(*arguments: Any, **named: Any) -> Iterator[Epoch]:
        yield next(train(*arguments, **named))
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "SAVE_SECONDS", 0)
    monkeypatch.setattr(pretrain, "train", one_epoch)
    with pytest.raises(KeyboardInterrupt):
        _make(folder, out, replace(TINY, epochs=3))
    monkeypatch.undo()
    file = _make(folder, out, TINY)
    assert "is of another source; it begins again" in caplog.text
    assert file.read_bytes() == (folder / "weights" / file.name).read_bytes()


def test_a_labelled_data_set_gives_even_draws_and_a_file_of_its_own_kind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "erika-mustermann"
    make_dataset(data, patients=30, image_size=32, camera="a", seed=5, progress=False)
    file = _make(tmp_path / "home", tmp_path / "out", Source(data=data, image_size=32, epochs=1))
    assert file.name == "source-resnet18.safetensors"
    assert "resnet18: epoch 1/1  kappa " in caplog.text
    about = read_metadata(file)
    assert (about["kind"], kind_of(file, read_weights(file, "resnet18"))) == ("file", "file")
    made_from = json.loads(about["made_from"])
    assert made_from["config"]["imbalance"] == "undersample"
    parts = read_index(data).table["split"].value_counts()  # its test list is held out, all the rest trained on
    assert made_from["photographs"] == parts["train"]
    assert json.loads(about["held_out"])["n"] == parts["test"]
    assert f"on {parts['test']} photographs of the source that it was not trained on (majority class 0." in caplog.text
    assert "erika" not in json.dumps(about)


def test_a_data_set_without_a_test_list_holds_out_patients(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_dataset(data, patients=30, image_size=32, camera="a", seed=5, test_fraction=0, progress=False)
    prepared = pretrain._prepared(Source(data=data, image_size=32), tmp_path / "out", tmp_path / "home")
    assert set(prepared.splits) == {"train", "val"}
    groups = prepared.cache.table["group"]
    held_out = set(groups[prepared.splits == "val"])
    assert 5 <= len(held_out) <= 7 and not held_out & set(groups[prepared.splits == "train"])


def test_two_at_once_are_refused(folder: Path, tmp_path: Path) -> None:
    out = _copy(folder, tmp_path / "out")
    with (
        locked(out / "synthetic-resnet18.checkpoints"),
        pytest.raises(LockedError, match=r"the file synthetic-resnet18\.safetensors is being written by process"),
    ):
        _make(folder, out, TINY)


def test_a_disk_that_is_too_small_is_said_before_anything_is_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(ConfigError, match="must be free for checkpoints .* but only 1 MB are"):
        _make(tmp_path / "home", tmp_path / "out", TINY)
    assert not (tmp_path / "out").exists()


def test_wrong_values_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`epochs >= 1` must hold, but got epochs=0"):
        _make(tmp_path, tmp_path / "out", replace(TINY, epochs=0))
    with pytest.raises(ConfigError, match="architecture must be one of"):
        make_source_weights("vgg", TINY, tmp_path / "out", tmp_path)


def test_memory_that_is_too_small_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Iterator[Epoch]:
        raise torch.OutOfMemoryError("no room")
        yield

    monkeypatch.setattr(pretrain, "train", full)
    with pytest.raises(ConfigError, match=r"16 images of 32 px do not \(no room\); give a smaller --image-size"):
        _make(folder, _copy(folder, tmp_path / "out"), TINY)
