"""Where everything is."""

import os
from pathlib import Path

import pytest

from retina_data.errors import DataError
from study.cli.options import READ_FLAGS, place, read_values, weight_files
from study.config.study import READ_FIELDS
from study.errors import ConfigError


def test_every_path_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETINA_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert place(None).home == tmp_path / "runs"
    assert place(None).tracking_uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    monkeypatch.setenv("RETINA_HOME", "elsewhere")
    assert place(None).home == tmp_path / "elsewhere"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert (place(None).tracking_uri, place(None).artifacts) == ("http://127.0.0.1:5000", None)


def test_a_home_that_no_table_could_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the home must be a path in UTF-8, but '.*h\\udce4m' is not; rename it"):
        place(tmp_path / os.fsdecode(b"h\xe4m"))


def test_flags_that_later_commands_need_are_kept(tmp_path: Path) -> None:
    assert (place(None).rerun_flags, place(None).resume_flags) == ("", "")
    here = place(tmp_path / "a home", "head:6379")
    assert here.rerun_flags == f" --home '{tmp_path}/a home'"
    assert here.resume_flags == f"{here.rerun_flags} --address head:6379"
    assert place(None, None, True).resume_flags == " --insecure"


def test_a_command_that_goes_on_gives_each_trial_what_it_had() -> None:
    assert place(None, gpus_per_trial=0, cpus_per_trial=2).resume_flags == " --gpus-per-trial 0 --cpus-per-trial 2"
    assert place(None, gpus_per_trial=0.5).resume_flags == " --gpus-per-trial 0.5"
    third = place(None, "head:6379", gpus_per_trial=1 / 3)
    assert third.resume_flags == " --address head:6379 --gpus-per-trial 0.333333333333"
    assert third.rerun_flags == ""  # status and report have no such flags


def test_weights_are_pairs_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = {"resnet18": str(tmp_path / "w.pth"), "resnet50": "imagenet"}
    assert weight_files(["resnet18=w.pth", "resnet50=imagenet"]) == wanted
    both = {"resnet18": "synthetic", "resnet50": "synthetic"}
    assert weight_files(["synthetic"]) == both
    assert weight_files(["synthetic", "resnet50=w.pth"]) == both | {"resnet50": str(tmp_path / "w.pth")}
    assert weight_files(["imagenet", "resnet18=synthetic"]) == {"resnet18": "synthetic", "resnet50": "imagenet"}
    for pair in ("resnet18", "resnet18="):
        with pytest.raises(ConfigError, match="--weights must be ARCHITECTURE=FILE"):
            weight_files([pair])


def test_reading_flags_are_taken_out_of_a_commands_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "inside.csv").touch()
    (tmp_path / "outside.csv").touch()
    monkeypatch.chdir(tmp_path)
    values = {"labels": "inside.csv", "image_column": "file", "eye_column": None, "lr": 0.1}
    found = read_values(values, ["PDR=4", "a=b=none"], Path("data"))
    assert found == {"labels": "inside.csv", "image_column": "file", "grades": {"PDR": 4, "a=b": None}}
    assert values == {"lr": 0.1}
    place = read_values({"labels": "outside.csv"}, None, Path("data"))["labels"]
    assert place == str(tmp_path / "outside.csv")
    for wrong in ("PDR", "PDR=5", "=4", "PDR="):
        with pytest.raises(ConfigError, match="--grade must be WORD=N"):
            read_values({}, [wrong], None)


def test_reading_flags_are_the_plain_fields() -> None:
    assert {flag.name for flag in READ_FLAGS} == set(READ_FIELDS) - {"grades"}
