"""What is said of a configuration that breaks a rule: rule, value, and what was probably meant."""

import pytest
from pydantic import ValidationError

from study.config.messages import config_error
from study.config.study import make_study_config
from study.config.trial import TrialConfig
from study.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lr": -0.1}, "`lr > 0` must hold, but got lr=-0.1"),
        ({"batch_size": 1}, "`batch_size >= 2` must hold, but got batch_size=1"),
        ({"optimizer": "adam"}, "optimizer must be one of 'sgd' or 'adamw', but got optimizer='adam'"),
        ({"learning_rate": 1}, "learning_rate is no known key; the fields are "),
        ({"optimiser": "sgd"}, "optimiser is no known key; did you mean optimizer?"),
    ],
)
def test_config_error_names_rule_and_value(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrialConfig.model_validate(values)
    assert str(config_error(caught.value, TrialConfig.model_fields)).startswith(said)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"trials": 0}, ("trials",)),
        ({"fixed": {"lr": 0}}, ("fixed", "lr")),
        ({"fixed": {"seed": 1}}, ("fixed", "seed")),
        ({"space": {"lr": {"low": 2, "high": 1}}}, ("space", "lr")),
        ({"space": {"imag_size": [1]}}, ("space", "imag_size")),
        ({"space": {"image_size": [32, 64]}}, ("space", "image_size")),
        ({"space": {"batch_size": [8, 8]}}, ("space", "batch_size")),
        ({"space": {"lr": [0.1]}, "fixed": {"lr": 0.1}}, ("space", "lr")),
    ],
)
def test_config_error_names_the_key_path(values: dict[str, object], keys: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_study_config(values, {})
    assert caught.value.keys == keys
