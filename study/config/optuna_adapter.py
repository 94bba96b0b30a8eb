"""What Optuna offers no public call for; the one place that touches its private attributes."""

from __future__ import annotations

from typing import Any

import optuna

RUNG = "completed_rung_"
"""How the names of the attributes begin in which Optuna's pruners remember a trial's score at each rung."""


def can_draw(distribution: optuna.distributions.BaseDistribution, value: Any) -> bool:
    """Whether a distribution contains a value."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except ValueError:
        return False


def resume_trial(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> optuna.Trial:
    """A running trial of the study, to be reported and told again."""
    return optuna.Trial(study, trial._trial_id)


def pruner_state(trial: optuna.Trial) -> dict[str, float]:
    """What the pruner remembers of a trial."""
    attributes = trial.storage.get_trial(trial._trial_id).system_attrs
    return {key: value for key, value in attributes.items() if key.startswith(RUNG)}
