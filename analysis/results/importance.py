"""Which hyperparameter mattered, for each arm: Optuna's evaluators on the trials as read from MLflow.

Table in, table out: the trials are told to a new Optuna study in memory. What it says is about the values that were
searched: a sampler that has gone to one corner has little to tell about the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.results.labels import arm_labels
from analysis.results.study_runs import ENDED, StudyRuns

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


MIN_TRIALS = 10
"""With fewer ended trials in an arm nothing is estimated."""

MIN_GOOD = 5
"""Trials that PED-ANOVA takes as the good ones: a tenth of all, but at least so many."""

WIDE_RANGE = 20

FEW_VALUES = 6
"""Where the searched space is not recorded: numbers are logarithmic if the largest is so many times the smallest, and
whole numbers of so few values are names."""

SEED = 0

EXCLUDED = ("architecture", "pretrained", "seed")
"""The first two are the arm; the third is each trial's own."""

COLUMNS = ("arm", "label", "evaluator", "hyperparameter", "importance", "trials", "pruned", "caveat")

EARLY_STOPPING = (
    "A trial that was stopped early stands with the best score it had reached by then, not with what it would have "
    "become: a value that learns slowly looks worse than it is, and what decides about being stopped looks more "
    "important than what decides about the final score. Without the stopped trials only values that did well at once "
    "would be left, which hides the bad ones, so they are counted."
)

WITHOUT_SCORE = (
    "A trial that was stopped early has no score and is not counted: what remains are values that did well at once, so "
    "what decides about being stopped looks less important than it is."
)


def importance(study: StudyRuns, score: str) -> pd.DataFrame:
    """Share of the differences in best_val_<score> that each hyperparameter explains, by three evaluators: COLUMNS.

    Of each arm with at least MIN_TRIALS ended trials that have a score and a hyperparameter that differs; any other
    arm with a trial has one row without a hyperparameter and its reason in `caveat`. The importances of an evaluator
    sum to 1 in an arm, unless it finds none. In a study of folds each fold's mean score is taken away first.

    fANOVA: Hutter, Hoos and Leyton-Brown 2014, ICML; PED-ANOVA: Watanabe, Bansal and Hutter 2023, IJCAI; mean decrease
    of impurity in a random forest: Breiman 2001, Machine Learning 45:5.
    """
    space = study.study.get("config", {}).get("space") or {}
    ended = study.trials[study.trials["state"].isin(ENDED) & study.trials[f"best_val_{score}"].notna()]
    rows = []
    for arm, label in arm_labels(study).items():
        own = ended[ended["arm"] == arm]
        pruned = int((own["state"] == schema.STATE_PRUNED).sum())
        about = {"arm": arm, "label": label, "trials": len(own), "pruned": pruned}
        varied = [
            name
            for name in study.hyperparameters
            if name not in EXCLUDED and len(own) and own[name].nunique(dropna=False) > 1
        ]
        values = own[f"best_val_{score}"] - own.groupby("fold")[f"best_val_{score}"].transform("mean")
        if why := _too_little(len(own), varied, values):
            rows += [about | {"evaluator": "", "hyperparameter": "", "caveat": why}] * bool(len(own))
            continue
        gone = _without_score(study, arm)
        caveat = f"{pruned} of {len(own)} trials were stopped early. {EARLY_STOPPING}" if pruned else ""
        caveat = f"{gone} more were stopped early. {WITHOUT_SCORE}" if gone else caveat
        for evaluator, shares in _evaluated(own[varied], values, space).items():
            rows += [
                about | {"evaluator": evaluator, "hyperparameter": name, "importance": share, "caveat": caveat}
                for name, share in shares.items()
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _without_score(study: StudyRuns, arm: str) -> int:
    """Trials of an arm that were stopped early and have no score, since a trial's is that of its last epoch."""
    pruned = (study.trials["arm"] == arm) & (study.trials["state"] == schema.STATE_PRUNED)
    return int(pruned.sum()) if study.selects_last else 0


def _too_little(trials: int, varied: list[str], values: pd.Series) -> str:
    """Why nothing can be estimated; "" where it can."""
    if trials < MIN_TRIALS:
        return f"{trials} ended trials are too few, {MIN_TRIALS} are needed"
    if not varied:
        return "no hyperparameter differs between the trials"
    return "" if np.ptp(values.to_numpy()) > 0 else "all trials have the same score"


def _evaluated(params: pd.DataFrame, values: pd.Series, space: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Evaluator -> hyperparameter -> share, largest first; params (trials, hyperparameters), values (trials,)."""
    import optuna
    from optuna.importance import (
        FanovaImportanceEvaluator,
        MeanDecreaseImpurityImportanceEvaluator,
        PedAnovaImportanceEvaluator,
    )
    from optuna.trial import create_trial

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a new study in memory is no news
    try:
        study = optuna.create_study(direction="maximize")
    finally:
        optuna.logging.set_verbosity(before)
    kinds = {str(name): _distribution(params[name], space.get(str(name))) for name in params}
    rows = [{str(name): _plain(value) for name, value in row.items()} for row in params.to_dict("records")]
    study.add_trials(
        [
            create_trial(params=row, distributions=kinds, value=float(value))
            for row, value in zip(rows, values, strict=True)
        ]
    )
    good = min(max(0.1, MIN_GOOD / len(rows)), 1.0)
    evaluators = {
        "fANOVA": FanovaImportanceEvaluator(seed=SEED),
        "PED-ANOVA": PedAnovaImportanceEvaluator(target_quantile=good),
        "MDI": MeanDecreaseImpurityImportanceEvaluator(seed=SEED),
    }
    found = {}
    for name, evaluator in evaluators.items():
        raw = {key: float(value) for key, value in evaluator.evaluate(study).items()}
        total = sum(raw.values())
        shares = {key: value / total if total > 0 else 0.0 for key, value in raw.items()}
        found[name] = dict(sorted(shares.items(), key=lambda one: (-one[1], one[0])))
    return found


def _distribution(values: pd.Series, axis: Any) -> BaseDistribution:
    """What Optuna shall know a hyperparameter as: the searched axis of study.json, else what its values look like.

    A range is widened to hold all values, which may have been told from outside of it.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    categorical = values.map(lambda value: isinstance(value, bool | str | np.bool_)).any()
    if isinstance(axis, list | tuple) or categorical or (axis is None and _named(values)):
        return CategoricalDistribution(sorted({_plain(value) for value in values}, key=str))
    low, high = float(values.min()), float(values.max())
    if isinstance(axis, Mapping):
        ranges = [axis] if "low" in axis else list(axis.values())  # else a range for each optimizer
        low = min(low, *(float(one["low"]) for one in ranges))
        high = max(high, *(float(one["high"]) for one in ranges))
        return FloatDistribution(low, high, log=any(one.get("log") for one in ranges) and low > 0)
    return FloatDistribution(low, high, log=low > 0 and high >= WIDE_RANGE * low)


def _named(values: pd.Series) -> bool:
    """Whether values without a recorded axis are names: whole numbers of which there are few."""
    return bool(values.dtype.kind in "iu" and values.nunique() <= FEW_VALUES)


def _plain(value: Any) -> Any:
    """A value of Python's own kind; Optuna stores no other."""
    return value.item() if isinstance(value, np.generic) else value
