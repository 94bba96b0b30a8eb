"""Fails first when Optuna changes what `optuna_adapter` relies on."""

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from study.config.optuna_adapter import can_draw, pruner_state, resume_trial


def test_can_draw() -> None:
    axis = FloatDistribution(1e-4, 1e-2, log=True)
    assert can_draw(axis, 1e-3) and not can_draw(axis, 0.1) and not can_draw(axis, "x")
    assert can_draw(CategoricalDistribution(["sgd", "adamw"]), "sgd")
    assert not can_draw(CategoricalDistribution(["sgd", "adamw"]), "adam")


def test_pruner_state_and_resume_trial() -> None:
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    before = optuna.create_study(pruner=pruner, direction="maximize")
    trial = before.ask()
    trial.report(0.5, 1)
    trial.should_prune()
    assert pruner_state(trial) == {"completed_rung_0": 0.5}
    after = optuna.create_study(pruner=pruner, direction="maximize")
    attributes = dict(pruner_state(trial))
    after.add_trial(create_trial(state=TrialState.RUNNING, intermediate_values={1: 0.5}, system_attrs=attributes))
    resumed = resume_trial(after, after.get_trials(deepcopy=False)[0])
    assert pruner_state(resumed) == {"completed_rung_0": 0.5}
    resumed.report(0.7, 2)
    after.tell(resumed, 0.7)
    assert [(one.value, one.intermediate_values) for one in after.trials] == [(0.7, {1: 0.5, 2: 0.7})]
