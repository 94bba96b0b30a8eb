"""How good one trained model is on one split, from its stored predictions: what a model card states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.number_format import with_bounds
from analysis.results.predictions import ImagePredictions
from analysis.schema import GRADES, PROBABILITIES, SCORES
from analysis.tables import score_models

RESAMPLES = score_models.RESAMPLES

Bounds = tuple[float, float]


@dataclass(frozen=True)
class SplitScores:
    """Scores of one split; bounds are 95 %, over patients, conditional on the model; nan where undefined."""

    split: str
    n: int
    patients: int
    counts: tuple[int, ...]  # photographs of each true grade
    majority: float  # share of the most frequent grade
    constant_predictor: bool  # a single grade is predicted though there are several
    scores: dict[str, float]  # names of schema.SCORES
    bounds: dict[str, Bounds]  # the same names

    def limitation(self) -> str:
        """Why the model must not be relied on here; "" where it is better than chance."""
        if self.constant_predictor:
            return (
                f"Constant predictor on {self.split}: it answers one grade for every photograph; its accuracy says "
                "only how "
                "frequent that grade is."
            )
        kappa, low = self.scores["kappa"], self.bounds["kappa"][0]
        if low > 0 or kappa == 1:  # a perfect one has no interval
            return ""
        why = "the interval of kappa does not lie above 0"
        if np.isnan(kappa):
            why = "all photographs have one grade, so kappa is undefined"
        elif np.isnan(low):
            why = "its patients are too few or too much alike for an interval of kappa"
        return f"On {self.split} it is not shown to beat guessing: {why}."

    def text(self, score: str) -> str:
        """A score with its bounds."""
        return with_bounds(self.scores[score], self.bounds[score])


def score_split(split: str, predictions: pd.DataFrame, decision: str) -> SplitScores:
    """Scores of predictions (patient, grade, p0 .. p4), at least one; decision: how grades are called from them."""
    n, grade = len(predictions), predictions["grade"].to_numpy(np.int64)
    models = ImagePredictions(
        patient=predictions["patient"].to_numpy(np.int64),
        grade=grade,
        probabilities=predictions[list(PROBABILITIES)].to_numpy(np.float64)[None],
        decision=decision,
    )
    row: dict[str, Any] = score_models.scores_with_intervals(models)
    return SplitScores(
        split=split,
        n=n,
        patients=row["patients"],
        counts=tuple(np.bincount(grade, minlength=len(GRADES)).tolist()),
        majority=row["majority"],
        constant_predictor=row["constant_predictor"],
        scores={name: row[name] for name in SCORES},
        bounds={name: (row[f"{name}_low"], row[f"{name}_high"]) for name in SCORES},
    )
