"""The seeds of each winner as one model: the mean of their probabilities, a row of its own.

It is another kind of model than those that are compared, so it is ranked against none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.results.columns import ENSEMBLES, split_text
from analysis.results.labels import arm_labels
from analysis.results.predictions import PredictionSet
from analysis.results.study_runs import StudyRuns
from analysis.tables.score_models import scores_with_intervals


def ensembles(study: StudyRuns, measured_on: str, predictions: Mapping[str, PredictionSet]) -> pd.DataFrame:
    """One row for each arm with two confirmed seeds or more, columns columns.ENSEMBLES.

    measured_on, predictions: primary_predictions(study, board), so the same images as the primary endpoint's.
    """
    rows = []
    for arm, label in arm_labels(study).items():
        models = predictions.get(arm)
        if models is None or len(models.seeds) < 2:
            continue
        row: dict[str, Any] = {"arm": arm, "label": label, "trial": models.trial, "seeds": len(models.seeds)}
        row |= {"seed_numbers": "; ".join(models.seeds), "decision": models.decision}
        row |= {"measured_on": measured_on, "split": split_text(measured_on)}
        rows.append(row | scores_with_intervals(as_one(models)))
    return pd.DataFrame(rows, columns=list(ENSEMBLES))


def as_one(models: PredictionSet) -> PredictionSet:
    """The seeds' models as one: the mean (1, n, 5) of their probabilities."""
    names = ("; ".join(models.seeds),), ("; ".join(models.runs),)
    return replace(
        models, probabilities=models.probabilities.mean(axis=0, keepdims=True), seeds=names[0], runs=names[1]
    )
