import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from study.config.study import Range, StudyConfig, make_study_config
from study.config.trial import TrialConfig, make_trial_config
from study.config.yaml_file import read_study_config
from study.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -0.1}, "`lr > 0` must hold, but got lr=-0.1"),
        ({"lr": 0}, "`lr > 0` must hold, but got lr=0"),
        ({"batch_size": 1}, "`batch_size >= 2` must hold, but got batch_size=1"),
        ({"momentum": 1.0}, "`momentum < 1` must hold, but got momentum=1.0"),
        ({"architecture": "vgg"}, "architecture must be one of 'resnet18' or 'resnet50', but got architecture='vgg'"),
        ({"batchsize": 3}, "batchsize is no known key; did you mean batch_size?"),
        ({"freeze_epochs": 2}, "set pretrained or freeze_epochs=0"),
        ({"freeze_epochs": 15, "pretrained": True}, "freeze_epochs < epochs must hold"),
        ({"views": 3}, "views must be one of 1, 4 or 8, but got views=3"),
        ({"views": 8}, "views=8 needs augmentation=dihedral for all images, but got augmentation=flips"),
        ({"views": 8, "augmentation": "dihedral", "imbalance": "flip_minority"}, "but got augmentation=dihedral, "),
        ({"select_epoch": "peak"}, "select_epoch must be one of 'last' or 'best', but got select_epoch='peak'"),
        ({"lr": "fast"}, "unable to parse string as a number, but got 'fast'"),
    ],
)
def test_a_broken_rule_is_named_with_its_value(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_trial_config(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TrialConfig().lr = 1.0  # type: ignore[misc]


def test_every_field_says_what_it_is() -> None:
    for model in (TrialConfig, StudyConfig):
        assert all(field.description for field in model.model_fields.values())


def test_the_text_of_a_configuration_reads_back_equal() -> None:
    # MLflow keeps parameters as text, and a trial must be the same when it is run again from there.
    config = TrialConfig(lr=0.1 + 0.2, pretrained=True, freeze_epochs=1, weight_decay=1e-5 / 3)
    assert TrialConfig(**{name: str(value) for name, value in config.model_dump().items()}) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trails": 3}, "trails is no known key; did you mean trials?"),
        ({"fixed": {"foo": 1}}, "fixed.foo is no field of a trial"),
        ({"fixed": {"seed": 1}}, "a trial's seed is the study's seed plus the trial's number"),
        ({"fixed": {"lr": -1}}, "under fixed: `lr > 0` must hold"),
        ({"space": {"lr": {"low": 1, "high": 0.1}}}, "low < high must hold, but got low=1, high=0.1"),
        ({"space": {"lr": {"low": 0, "high": 0.1, "log": True}}}, "low > 0 must hold on a logarithmic scale"),
        ({"space": {"lr": {"low": 0.1, "high": 20}}}, "under space: `lr <= 10` must hold"),
        ({"space": {"imbalance": {"low": 0, "high": 1}}}, "imbalance"),
        ({"space": {"epochs": [3, 4]}}, "epochs must be the same in all trials of a study"),
        ({"space": {"lr": []}}, "space.lr must name at least one value"),
        ({"space": {"lr": [0.1]}, "fixed": {"lr": 0.1}}, "lr stands under fixed and under space"),
        ({"weights": {"vgg": "x"}}, "weights.vgg must be one of"),
    ],
)
def test_a_broken_rule_of_a_study_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_study_config(values, {})
    assert message in str(caught.value)


def test_a_flag_fixes_a_field_and_takes_it_out_of_the_space() -> None:
    config = make_study_config({}, {"lr": 0.1, "trials": 3, "architecture": "resnet50"})
    assert config.fixed == {"lr": 0.1, "architecture": "resnet50", "decision": "median"}
    assert "lr" not in config.space
    assert config.trials == 3
    assert config.cells() == [("resnet50", False), ("resnet50", True)]


def test_the_default_space_holds_the_axes_that_matter() -> None:
    config = make_study_config({}, {})
    assert set(config.space) == {
        "architecture", "pretrained", "optimizer", "lr", "weight_decay", "batch_size", "augmentation", "imbalance"
    }  # fmt: skip
    assert config.space["lr"] == {
        "sgd": Range(low=1e-3, high=1e-1, log=True), "adamw": Range(low=1e-4, high=5e-3, log=True)
    }  # fmt: skip
    assert len(config.cells()) == 4


def test_values_are_kept_as_the_field_reads_them() -> None:
    # YAML reads 1e-3 as text, and a quoted "false" must not be true.
    config = make_study_config(
        {"fixed": {"lr": "1e-3", "pretrained": "false"}, "space": {"batch_size": ["16", 32]}}, {}
    )
    assert config.fixed == {"lr": 0.001, "pretrained": False, "decision": "median"}
    assert config.space["batch_size"] == (16, 32)
    assert config.cells() == [("resnet18", False)]
    with pytest.raises(ConfigError, match="space.lr must name each value once"):
        make_study_config({"space": {"lr": [0.1, 0.1]}}, {})


def test_defaults_are_the_configuration_that_is_known_to_learn() -> None:
    config = TrialConfig()
    assert (config.optimizer, config.lr, config.weight_decay, config.batch_size) == ("adamw", 0.001, 0.01, 32)
    assert (config.schedule, config.augmentation, config.imbalance) == ("one_cycle", "flips", "none")
    assert (config.select_epoch, config.views) == ("last", 4)


def test_a_grade_is_called_as_suits_the_objective_unless_it_is_said() -> None:
    for objective, decision in ((None, "median"), ("kappa", "median"), ("accuracy", "most_probable")):
        given = {"objective": objective} if objective else {}
        assert make_trial_config(given).decision == decision
        assert make_study_config({}, given).fixed["decision"] == decision
    assert make_trial_config({"objective": "accuracy", "decision": "median"}).decision == "median"
    assert make_study_config({"fixed": {"decision": "most_probable"}}, {}).fixed["decision"] == "most_probable"


@pytest.mark.parametrize("name", ["decision", "select_epoch", "views"])
def test_how_scores_are_measured_is_no_axis(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be the same in all trials of a study"):
        make_study_config({"space": {name: [TrialConfig.model_fields[name].default]}}, {})


def test_eight_views_need_turns_in_whatever_may_be_drawn() -> None:
    assert make_study_config({"space": {"imbalance": ["none"]}}, {"views": 8, "augmentation": "dihedral"})
    assert make_study_config({"fixed": {"views": "8", "augmentation": "dihedral"}, "space": {}}, {}).fixed["views"] == 8
    with pytest.raises(ConfigError, match="views=8 needs augmentation=dihedral .* but got augmentation=flips"):
        make_study_config({"space": {"augmentation": ["dihedral", "flips"]}}, {"views": 8})
    with pytest.raises(ConfigError, match="imbalance=flip_minority"):
        make_study_config({}, {"views": 8, "augmentation": "dihedral"})  # the default space draws it


RANGES = {"sgd": {"low": 0.01, "high": 0.1}, "adamw": {"low": 0.001, "high": 0.01}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("lr: {sgd: {low: 0.1, high: 0.01}, adamw: {low: 0.1, high: 1}}", 2, "low < high must hold, but got low=0.1"),
        ("lr:\n    sgd: {low: 0.1, high: 1}\n    adamw: {low: 0.1, high: 20}", 2, "`lr <= 10` must hold"),
        ("lr: {sgd: {low: 0.01, high: 0.1}}", 2, "space.lr must have a range for each optimizer, but lacks ['adamw']"),
        ("batch_size: {sgd: {low: 8, high: 16}, adamw: {low: 8, high: 16}}", 2, "batch_size cannot hang on the optimi"),
        ("lr: {adam: {low: 0.01, high: 0.1}}", 2, "space.lr.adam must be one of 'sgd' or 'adamw'"),
    ],
)
def test_a_range_that_hangs_on_the_optimizer_is_checked_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    (tmp_path / "lab.yaml").write_text(f"space:\n  {text}\n  optimizer: [sgd, adamw]\n")
    with pytest.raises(ConfigError) as caught:
        read_study_config(tmp_path / "lab.yaml")
    assert message in str(caught.value)
    assert f"(lab.yaml, line {line})" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ranges_are_needed_for_the_optimizers_of_the_study_alone() -> None:
    only = {"space": {"lr": {"sgd": RANGES["sgd"]}}}
    config = make_study_config({**only, "fixed": {"optimizer": "sgd"}}, {})
    assert config.space["lr"] == {"sgd": Range(low=0.01, high=0.1)}
    with pytest.raises(ConfigError, match="lacks \\['adamw'\\]"):
        make_study_config(only, {})  # whose optimizer is the default


def test_a_study_comes_back_equal_from_what_the_ledger_keeps_of_it() -> None:
    config = make_study_config({}, {"finalists": 2, "views": 1})
    assert StudyConfig.model_validate(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    older = config.model_dump(mode="json")
    for name in ("finalists", "repeats"):
        del older[name]
    assert StudyConfig.model_validate(older).repeats == 2
