import json
from pathlib import Path

import pytest
import yaml

from retina_data.layouts.label_files import ReadOptions
from study.config.study import StudyConfig, make_study_config, open_precision, read_options
from study.config.trial import TrialConfig, make_trial_config
from study.config.yaml_file import read_study_config
from study.errors import ConfigError


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
        ({"fixed": {"precision": "fp16"}}, "under fixed: precision must be one of 'auto', 'fp32' or 'bf16', but got"),
        ({"space": {"precision": ["auto", "fp32"]}}, "under space: precision must be one of 'fp32' or 'bf16', but got"),
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
    assert config.arm_specs() == [("resnet50", False), ("resnet50", True)]


def test_values_are_kept_as_the_field_reads_them() -> None:
    # YAML reads 1e-3 as text, and a quoted "false" must not be true.
    config = make_study_config(
        {"fixed": {"lr": "1e-3", "pretrained": "false"}, "space": {"batch_size": ["16", 32]}}, {}
    )
    assert config.fixed == {"lr": 0.001, "pretrained": False, "decision": "median"}
    assert config.space["batch_size"] == (16, 32)
    assert config.arm_specs() == [("resnet18", False)]
    with pytest.raises(ConfigError, match="space.lr must name each value once"):
        make_study_config({"space": {"lr": [0.1, 0.1]}}, {})


@pytest.mark.parametrize("text, expected", [("off", "off"), ("on", "on"), ("'on'", "on"), ("false", "off")])
def test_off_and_on_are_read_as_yaml_has_them(text: str, expected: str) -> None:
    values = yaml.safe_load(f"fixed: {{compile: {text}, precision: auto}}")
    config = make_study_config(values, {})
    assert config.fixed["compile"] == expected
    assert "precision" not in config.fixed and open_precision(config)  # left open until the nodes are known
    assert make_trial_config({"compile": expected == "on"}).compile == expected


def test_a_grade_is_called_as_suits_the_objective_unless_it_is_said() -> None:
    for objective, decision in ((None, "median"), ("kappa", "median"), ("accuracy", "most_probable")):
        given = {"objective": objective} if objective else {}
        assert make_trial_config(given).decision == decision
        assert make_study_config({}, given).fixed["decision"] == decision
    assert StudyConfig().fixed == make_study_config({}, {}).fixed == {"decision": TrialConfig().decision}
    assert make_trial_config({"objective": "accuracy", "decision": "median"}).decision == "median"
    assert make_study_config({"fixed": {"decision": "most_probable"}}, {}).fixed["decision"] == "most_probable"


@pytest.mark.parametrize("name", ["decision", "select_epoch", "views"])
def test_how_scores_are_measured_is_no_axis(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be the same in all trials of a study"):
        make_study_config({"space": {name: [TrialConfig.model_fields[name].default]}}, {})


def test_a_study_comes_back_equal_from_what_the_ledger_keeps_of_it() -> None:
    config = make_study_config({}, {"finalists": 2, "views": 1})
    assert StudyConfig.model_validate(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    older = config.model_dump(mode="json")
    for name in ("finalists", "repeats"):
        del older[name]
    assert StudyConfig.model_validate(older).repeats == 2


def test_keys_of_a_study_file_say_how_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("labels: l.csv\nimage_column: id\ngrades: {PDR: 4, blurred: null}\n")
    config = read_study_config(tmp_path / "s.yaml")
    expected = ReadOptions(layout="labels", labels="l.csv", image_column="id", grades={"PDR": 4, "blurred": None})
    assert read_options(config, "labels") == expected
    assert read_options(StudyConfig(), None) == ReadOptions()
    (tmp_path / "s.yaml").write_text("trials: 4\ngrades: {PDR: 5}\n")
    with pytest.raises(ConfigError, match=r"grades.PDR.*5.*\(s.yaml, line 2\)"):
        read_study_config(tmp_path / "s.yaml")
