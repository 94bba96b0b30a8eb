import pytest
from pydantic import ValidationError

from study.config import ConfigError, Range, StudyConfig, TrialConfig, make_study_config, make_trial_config


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
    assert config.fixed == {"lr": 0.1, "architecture": "resnet50"}
    assert "lr" not in config.space
    assert config.trials == 3
    assert config.cells() == [("resnet50", False), ("resnet50", True)]


def test_the_default_space_holds_the_five_axes() -> None:
    config = make_study_config({}, {})
    assert set(config.space) == {"architecture", "pretrained", "lr", "batch_size", "imbalance"}
    assert isinstance(config.space["lr"], Range)
    assert len(config.cells()) == 4


def test_values_are_kept_as_the_field_reads_them() -> None:
    # YAML reads 1e-3 as text, and a quoted "false" must not be true.
    config = make_study_config(
        {"fixed": {"lr": "1e-3", "pretrained": "false"}, "space": {"batch_size": ["16", 32]}}, {}
    )
    assert config.fixed == {"lr": 0.001, "pretrained": False}
    assert config.space["batch_size"] == (16, 32)
    assert config.cells() == [("resnet18", False)]
    with pytest.raises(ConfigError, match="space.lr must name each value once"):
        make_study_config({"space": {"lr": [0.1, 0.1]}}, {})
