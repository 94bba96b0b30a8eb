"""The commands and the file that repeat a study."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from analysis.report import reproduce
from study.config.study import StudyConfig
from study.config.yaml_file import read_study_config
from tests.fixtures import figures as fixture


def test_the_commands_hold_the_confirmation_that_was_made_in_its_place() -> None:
    study = fixture.confirmed().study
    assert reproduce.commands(study) == [
        "retina search four --data DATA --trials 8 --epochs 3 --config config.yaml --weights resnet18=FILE",
        "retina confirm confirmed --seeds 3",
        "retina report four",
    ]
    known = dataclasses.replace(study, study={"commands": ["retina confirm x", "retina report x"]})
    assert reproduce.commands(known) == ["retina confirm confirmed --seeds 3", "retina report x"]
    hostile = dataclasses.replace(study, name="a; rm -rf b", study={"test": {"exclude_test_patients": True}})
    assert reproduce.commands(hostile) == ["retina confirm 'a; rm -rf b' --seeds 3 --exclude-test-patients"]
    assert reproduce.commands(fixture.four().study)[-1] == "retina report four"


def test_a_study_that_was_not_confirmed_is_repeated_without() -> None:
    study = fixture.confirmed().study
    plain = dataclasses.replace(
        study, confirmations=study.confirmations.head(0), study={"commands": ["retina confirm x"]}
    )
    assert reproduce.commands(plain) == []


def test_several_winners_of_an_arm_are_several_again() -> None:
    study = fixture.confirmed().study
    one = study.confirmations.head(1).assign(trial="9999")
    both = dataclasses.replace(study, confirmations=pd.concat([study.confirmations, one]))
    assert "retina confirm confirmed --seeds 3 --top 2" in reproduce.commands(both)


def test_the_file_gives_the_same_configuration_but_for_folds_and_weights(tmp_path: Path) -> None:
    config = StudyConfig(trials=7, seed=3, fold="2/5", weights={"resnet18": "/home/anna/w.pth"}, fixed={"epochs": 2})
    study = dataclasses.replace(fixture.four().study, study={"config": config.model_dump(mode="json")})
    (tmp_path / "config.yaml").write_text(reproduce.config_text(study))
    again = read_study_config(tmp_path / "config.yaml")
    assert again == config.model_copy(update={"fold": "", "weights": StudyConfig().weights})


def test_weights_of_two_networks_are_both_asked_for() -> None:
    weights = {name: {"source": f"{name}.safetensors"} for name in ("resnet18", "resnet50")}
    saved = {
        "commands": ["retina search x"],
        "config": {"trials": 4},
        "weights": weights,
        "audit": {"layout": "kaggle"},
    }
    study = dataclasses.replace(fixture.four().study, study=saved)
    search = "retina search x --config config.yaml --data DATA --layout kaggle"
    assert reproduce.commands(study) == [f"{search} --weights resnet18=FILE --weights resnet50=FILE"]


def test_a_first_trial_that_was_confirmed_for_the_gain_is_no_second_winner() -> None:
    assert "retina confirm finalists --seeds 2" in reproduce.commands(fixture.finalists().study)


def test_synthetic_weights_are_made_before_the_search() -> None:
    study = fixture.finalists().study
    search = "retina search four --data DATA --trials 8 --epochs 3 --config config.yaml --weights synthetic"
    assert reproduce.commands(study)[:2] == ["retina pretrain", search]
    given = {"commands": ["retina pretrain", "retina search x --weights synthetic"], "config": {"trials": 4}}
    again = dataclasses.replace(study, study={**study.study, **given})
    assert reproduce.commands(again)[:2] == [
        "retina pretrain",
        "retina search x --weights synthetic --config config.yaml --data DATA",
    ]
    for kind, flag in (("imagenet", False), ("file", True)):
        weights = {"resnet18": {"source": "w.pth", "kind": kind}}
        other = reproduce.commands(dataclasses.replace(study, study={**study.study, "weights": weights}))
        assert ("--weights resnet18=FILE" in other[0]) is flag
