"""Weights that have seen what a study measures on are refused, whatever the layout and split."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from retina_data.layouts.dataset import read_index
from retina_models.resnet import resnet18
from retina_models.weights import save_weights
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.training.checkpoints import weights_metadata
from study.training.data import SplitDataset, prepare_data
from study.training.leakage import DIGITS, check_no_leakage, provenance_text, read_provenance
from tests.fixtures.study import SMALL, small_data

SAME = {"val_fraction": 0.2, "seed": 1}  # as the study below has it
SPLIT = {"val_fraction": 0.3, "seed": 0, "select_on": "validation"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    small_data(folder / "data")
    return folder


def prepared(folder: Path, seed: int = 0) -> SplitDataset:
    dataset = read_index(folder / "data")
    return prepare_data(dataset, folder, image_size=32, crop="fov", **{**SPLIT, "seed": seed})  # type: ignore[arg-type]


def test_the_training_part_is_told_sorted_and_with_what_came_before(folder: Path) -> None:
    data = prepared(folder)
    text = provenance_text(data)
    pieces = [text[n : n + DIGITS] for n in range(0, len(text), DIGITS)]
    assert pieces == sorted({sha[:DIGITS] for sha in data.cache.table["sha256"][(data.splits == "train").to_numpy()]})
    assert len(provenance_text(data, "0" * DIGITS)) == len(text) + DIGITS
    assert provenance_text(data, text) == text


def test_another_split_of_the_same_photographs_is_refused_and_the_same_one_is_not(folder: Path) -> None:
    first, other = prepared(folder), prepared(folder, seed=1)
    check_no_leakage("resnet18", "w.safetensors", provenance_text(first), first)
    check_no_leakage("resnet18", "w.safetensors", "", other)
    trained = set(first.cache.table["sha256"][(first.splits == "train").to_numpy()])
    measured = other.cache.table["sha256"][other.splits.isin(["val", "test"]).to_numpy()]
    met = int(measured.isin(trained).sum())
    assert met > 0
    with pytest.raises(ConfigError, match=rf"\(w.safetensors\) were trained on {met} of the {len(measured)} in"):
        check_no_leakage("resnet18", "w.safetensors", provenance_text(first), other)


def test_finalists_may_be_measured_on_any_training_photograph(folder: Path) -> None:
    data = prepared(folder)
    trained = data.count("train")
    check_no_leakage("resnet18", "w.safetensors", provenance_text(data), data, finalists=False)
    with pytest.raises(ConfigError, match=rf"on {trained} of the {trained} in training, .* give --finalists 0, "):
        check_no_leakage("resnet18", "w.safetensors", provenance_text(data), data, finalists=True)
    check_no_leakage("resnet18", "w.safetensors", "0" * DIGITS, data, finalists=True)
    with pytest.raises(ConfigError, match="in validation and test; train them on other"):  # whatever finalists do
        check_no_leakage("resnet18", "w.safetensors", provenance_text(prepared(folder, seed=1)), data, finalists=True)


def test_a_file_says_what_it_was_trained_on_or_nothing(folder: Path, tmp_path: Path) -> None:
    text = provenance_text(prepared(folder))
    said = tmp_path / "said.safetensors"
    save_weights(said, {"a": torch.zeros(1)}, weights_metadata(TrialConfig(**SMALL), 1, text))
    assert read_provenance(said) == text
    for name, metadata in (("none", None), ("odd", {"trained_on": "../../etc"}), ("torn", {"trained_on": "ab"})):
        save_file({"a": torch.zeros(1)}, tmp_path / f"{name}.safetensors", metadata)
        assert read_provenance(tmp_path / f"{name}.safetensors") == ""
    (tmp_path / "damaged.safetensors").write_bytes(b"no")
    torch.save({}, tmp_path / "old.pth")
    assert read_provenance(tmp_path / "damaged.safetensors") == read_provenance(tmp_path / "old.pth") == ""


def test_a_study_refuses_weights_that_have_seen_its_photographs_and_says_where_none_can_know(
    folder: Path, tmp_path: Path
) -> None:
    file, state = tmp_path / "w.safetensors", resnet18(5, seed=0).state_dict()
    values = {"image_size": 32, "architecture": "resnet18", "trials": 2, "seed": 1, "weights": {"resnet18": str(file)}}
    inputs = Inputs(data=folder / "data", overrides=values)
    save_weights(file, state, weights_metadata(TrialConfig(**SMALL), 1, provenance_text(prepared(folder))))
    with pytest.raises(ConfigError, match="weights must not have been trained on photographs that are measured here"):
        make_plan("s", folder, None, inputs)
    data = prepare_data(read_index(folder / "data"), folder, image_size=32, crop="fov", **{**SPLIT, **SAME})  # type: ignore[arg-type]
    save_weights(file, state, weights_metadata(TrialConfig(**SMALL), 1, provenance_text(data)))
    make_plan("s", folder, None, inputs)  # the training split of this very split, which no finalist divides anew
    finalists = Inputs(data=folder / "data", overrides={**values, "finalists": 2, "trials": 8})
    with pytest.raises(ConfigError, match="give --finalists 0"):
        make_plan("s", folder, None, finalists)
    save_weights(file, state, {})
    notes = make_plan("s", folder, None, inputs).notes
    assert any("their file does not say what they were trained on" in note for note in notes)
