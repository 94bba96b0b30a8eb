"""How good one trained model is on one part, from its stored predictions: what a model card states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.results.predictions import PredictionSet
from analysis.schema import GRADES, PROBABILITIES, SCORES
from analysis.tables import score_models as measuring

RESAMPLES = measuring.TEST_RESAMPLES

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Measured:
    """Scores of one part; bounds are 95 %, over patients, conditional on the model; nan where undefined."""

    part: str
    n: int
    patients: int
    counts: tuple[int, ...]  # photographs of each true grade
    majority: float  # share of the most frequent grade
    degenerate: bool  # a single grade is predicted though there are several
    scores: dict[str, float]  # names of records.SCORES
    bounds: dict[str, Bounds]  # the same names

    def doubt(self) -> str:
        """What must be known before anybody relies on the model; nothing where it is better than chance here."""
        if self.degenerate:
            return (
                f"Degenerate on {self.part}: it answers one grade for every photograph; its accuracy says only how "
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
        return f"On {self.part} it cannot be told from guessing: {why}."

    def text(self, score: str) -> str:
        """A score with its bounds."""
        return with_bounds(self.scores[score], self.bounds[score])


def measure(part: str, predictions: pd.DataFrame, decision: str) -> Measured:
    """Scores of predictions (patient, grade, p0 .. p4), at least one; decision: how grades are called from them."""
    n, grade = len(predictions), predictions["grade"].to_numpy(np.int64)
    models = PredictionSet(
        trial="",
        seeds=("",),
        confirms=("",),
        fold=np.zeros(n, np.int64),
        row=np.arange(n),  # not the table's: every line counts
        patient=predictions["patient"].to_numpy(np.int64),
        grade=grade,
        new_patients=np.zeros(n, np.bool_),
        chance=predictions[list(PROBABILITIES)].to_numpy(np.float64)[None],
        decision=decision,
    )
    row: dict[str, Any] = measuring.measure(models, RESAMPLES)
    return Measured(
        part=part,
        n=n,
        patients=row["patients"],
        counts=tuple(np.bincount(grade, minlength=len(GRADES)).tolist()),
        majority=row["majority"],
        degenerate=row["degenerate"],
        scores={name: row[name] for name in SCORES},
        bounds={name: (row[f"{name}_low"], row[f"{name}_high"]) for name in SCORES},
    )


def with_bounds(value: float, bounds: Bounds) -> str:
    """A score as a card shows it."""
    if np.isnan(value):
        return "undefined"
    low, high = bounds
    return f"{value:.3f} (no interval)" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"
