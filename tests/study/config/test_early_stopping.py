"""When a trial may be stopped first."""

from typing import Any

import pytest

from study.config.early_stopping import first_rung
from study.config.study import make_study_config


@pytest.mark.parametrize(
    ("flags", "rung"),
    [
        ({"epochs": 9, "schedule": "constant"}, 3),
        ({"epochs": 15}, 5),
        ({"epochs": 10, "schedule": "constant"}, 4),
        ({"epochs": 9, "freeze_epochs": 5}, 6),
        ({"epochs": 2}, 1),
    ],
)
def test_the_first_rung_is_after_warmup_frozen_epochs_and_a_third(flags: dict[str, Any], rung: int) -> None:
    assert first_rung(make_study_config({}, flags)) == rung
