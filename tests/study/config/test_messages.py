"""What is said of a configuration that breaks a rule: rule, value, and what was probably meant."""

import pytest
from pydantic import ValidationError

from study.config.messages import format_validation_error
from study.config.trial import TrialConfig


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
def test_explain_names_rule_and_value(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrialConfig.model_validate(values)
    assert format_validation_error(caught.value, TrialConfig.model_fields).startswith(said)
