import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from retina_data.errors import DataError
from retina_data.layouts.dataset import ReadOptions
from retina_models.errors import WeightsError
from retina_models.resnet import resnet18
from retina_models.weights import read_weights, save_weights
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.planning.pretrained_weights import synthetic_file
from study.training.checkpoints import BEST, PREDICTIONS
from study.training.device_memory import DeviceError
from study.training.leakage import read_provenance
from study.workflows.single import train as train_workflow
from study.workflows.single.train import train_new
from tests.fixtures.study import SMALL, small_data, squash
from tests.retina_data.as_people_have_them.builder import build, graded, names, pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("single")
    small_data(made / "data")
    return made


def _train(folder: Path, name: str, files: dict[str, str] | None = None, **values: object) -> None:
    flags = {**SMALL, "epochs": 2, **values}
    train_new(folder / "data", ReadOptions(), folder / "home", flags, files or {}, None, folder / name)


def test_weights_predictions_epochs_and_configuration_are_left(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    _train(folder, "out")
    epochs = [json.loads(line) for line in (folder / "out" / "epochs.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert "epoch 2/2" in caplog.text
    assert "majority class" in caplog.text
    config = TrialConfig(**yaml.safe_load((folder / "out" / "config.yaml").read_text()))
    assert config.epochs == 2
    assert len(pd.read_parquet(folder / "out" / PREDICTIONS)) == sum(map(sum, epochs[0]["confusion"]))
    assert read_weights(folder / "out" / BEST, "resnet18").source == BEST


@pytest.mark.parametrize("fast, expected", [(True, "bf16"), (False, "fp32")])
@pytest.mark.parametrize("said", [{}, {"precision": "auto"}])
def test_precision_follows_the_machine(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], fast: bool, expected: str
) -> None:
    monkeypatch.setattr(train_workflow, "fast_bf16", lambda gpu, side: fast and side == 128)
    assert train_workflow.with_precision({"image_size": 128, **said})["precision"] == expected
    named = {"image_size": 128, "precision": "fp32"}
    assert train_workflow.with_precision(named) == named


def test_what_was_left_out_and_allowed_is_recorded(tmp_path: Path) -> None:
    files = {**graded("{folder}/{name}.png", "01234", 4), **pictures("Very severe/{}.png", names(3, 50))}
    build(tmp_path / "data", files)
    with pytest.raises(DataError, match="must not be left out in silence"):
        _train(tmp_path, "out", epochs=1)
    flags = {**SMALL, "epochs": 1}
    options = ReadOptions(allow_unused=True, grades={"Very mild": 1})
    train_new(tmp_path / "data", options, tmp_path / "home", flags, {}, None, tmp_path / "out")
    text = (tmp_path / "out" / "data.yaml").read_text()
    recorded = yaml.safe_load(text)
    assert recorded["allow_unused"] is True and recorded["layout"] == "folders"
    assert recorded["grades"] == {"Very mild": 1} and "labels" not in recorded
    assert recorded["images"] == {"train": 13, "val": 3, "test": 4}
    assert recorded["inventory"]["unused"] == {"in a folder whose name says no grade": 3}
    assert recorded["notes"] == [
        "not used: 3 pictures (3 in a folder whose name says no grade)",
        "unknown word of --grade; see data check",  # no folder is called `Very mild`
    ]
    assert str(tmp_path) not in text and "e050f" not in text


def test_squashed_photographs_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    squash(small_data(tmp_path / "data"))
    _train(tmp_path, "out", epochs=1)
    assert caplog.text.count("note: photographs were squashed") == 1


def test_the_same_configuration_gives_the_same_numbers(folder: Path) -> None:
    _train(folder, "first", seed=3)
    _train(folder, "second", seed=3)
    first, second = (
        [json.loads(line) for line in (folder / name / "epochs.jsonl").read_text().splitlines()]
        for name in ("first", "second")
    )
    for epoch in (*first, *second):
        epoch.pop("images_per_second")
    assert first == second


def test_what_train_wrote_can_be_begun_from(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_weights(folder / "start.safetensors", resnet18(seed=4).state_dict(), {"architecture": "resnet18"})
    _train(folder, "tuned", {"resnet18": str(folder / "start.safetensors")}, pretrained=True, epochs=1)
    assert "weights start.safetensors: loaded" in caplog.text


def test_synthetic_weights_are_those_of_the_home(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    both = dict.fromkeys(("resnet18", "resnet50"), "synthetic")
    file = synthetic_file(folder / "home", "resnet18")
    file.unlink(missing_ok=True)
    with pytest.raises(
        WeightsError, match=r"are not in this home; make them \(retina pretrain --architecture resnet18\)"
    ):
        _train(folder, "synthetic", both, pretrained=True, epochs=1)
    file.parent.mkdir(parents=True, exist_ok=True)
    seen = "0" * 12
    save_weights(file, resnet18(seed=4).state_dict(), {"kind": "synthetic", "trained_on": seen})
    _train(folder, "synthetic", both, pretrained=True, epochs=1)
    assert "weights synthetic-resnet18.safetensors: loaded" in caplog.text
    assert seen in read_provenance(folder / "synthetic" / BEST)


def test_weights_without_pretrained_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--weights needs --pretrained"):
        _train(folder, "x", {"resnet18": "w.pth"})
    assert not (folder / "x").exists()


def test_a_folder_that_holds_something_is_never_written_over(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ConfigError, match="--out must be a new or empty folder"):
        _train(folder, "mine")
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes.txt"]


def test_another_seed_trains_on_the_same_patients(folder: Path) -> None:
    _train(folder, "seed5", seed=5, epochs=1)
    _train(folder, "seed6", seed=6, epochs=1)
    rows = [pd.read_parquet(folder / name / PREDICTIONS)["row"].tolist() for name in ("seed5", "seed6")]
    assert rows[0] == rows[1]


def test_a_folder_that_cannot_be_made_is_refused_before_photographs_are_decoded(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        train_new(folder / "data", ReadOptions(), tmp_path / "home", dict(SMALL), {}, None, tmp_path / "file" / "out")
    assert not (tmp_path / "home" / "cache").exists()


@pytest.mark.parametrize("command", ["train", "compile"])
def test_a_compiler_that_is_not_there_leaves_no_folder_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Neither where it is asked for first, nor where it only fails in the first step."""
    monkeypatch.setattr("retina_models.compilation.shutil.which", lambda name: None)
    if command == "compile":
        monkeypatch.setattr("study.workflows.single.train.check_compiler", lambda gpu: None)
    values = {"architecture": "resnet18", "image_size": 32, "epochs": 1, "compile": "on"}
    out = tmp_path / "out"
    with pytest.raises((ConfigError, DeviceError), match="begin anew with compile: off"):
        train_new(small_data(tmp_path / "data"), ReadOptions(), tmp_path / "home", values, {}, 1, out)
    assert not out.exists() or not list(out.iterdir())
    monkeypatch.undo()
    train_new(small_data(tmp_path / "data"), ReadOptions(), tmp_path / "home", values | {"compile": "off"}, {}, 1, out)
    assert (out / "epochs.jsonl").exists()
