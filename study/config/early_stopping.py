"""When a trial may be stopped early."""

from __future__ import annotations

import math

from study.config.axes import bounds
from study.config.study import StudyConfig
from study.config.trial import TrialConfig

COMPARED = 3
"""Trials that an arm must have before one of them is stopped: two are no comparison."""

ONE_CYCLE_WARMUP = 0.3


def first_rung(config: StudyConfig) -> int:
    """Epoch at which a trial may be stopped first: after warm-up, frozen epochs, and at least a third of all epochs."""
    fields = TrialConfig.model_fields
    epochs = int(config.fixed.get("epochs", fields["epochs"].default))
    axis = config.space.get("freeze_epochs")
    frozen = int(max(bounds(axis) if axis else config.values("freeze_epochs")))
    warmup = math.ceil(ONE_CYCLE_WARMUP * epochs) if "one_cycle" in config.values("schedule") else 0
    return max(math.ceil(epochs / 3), warmup, frozen + 1)
