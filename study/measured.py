"""How good one trained model is on one part, from its stored predictions: what a model card states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.intervals import bootstrap_by_group, confusion_by_group, wilson
from analysis.records import GRADES
from analysis.scores import auc_ovr, is_degenerate, majority_share, scores_from_confusion

RESAMPLES = 10_000
SEED = 0  # of the resamples: the same predictions give the same card

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
    bounds: dict[str, Bounds]  # of accuracy and kappa

    def doubt(self) -> str:
        """What must be known before anybody relies on the model; nothing where it is better than chance here."""
        if self.degenerate:
            return (
                f"Degenerate on {self.part}: it answers one grade for every photograph; its accuracy says only how "
                "frequent that grade is."
            )
        if not self.bounds["kappa"][0] > 0:
            return f"On {self.part} it cannot be told from guessing: the interval of kappa does not lie above 0."
        return ""

    def text(self, score: str) -> str:
        """A score with its bounds, where it has some."""
        value = self.scores[score]
        if np.isnan(value):
            return "undefined"
        low, high = self.bounds.get(score, (float("nan"), float("nan")))
        return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def measure(part: str, predictions: pd.DataFrame) -> Measured:
    """Scores of predictions (patient, grade, p0 .. p4), at least one."""
    chances = predictions[[f"p{grade}" for grade in GRADES]].to_numpy(np.float64)
    groups = confusion_by_group(predictions["patient"], predictions["grade"], chances.argmax(axis=1))
    confusion = groups.sum(axis=0)
    scores = {name: float(value) for name, value in scores_from_confusion(confusion).items()}
    scores["auc"] = auc_ovr(predictions["grade"], chances)
    drawn = bootstrap_by_group(groups, np.random.default_rng(SEED), resamples=RESAMPLES)
    bounds = {name: (float(drawn[name].low), float(drawn[name].high)) for name in ("accuracy", "kappa")}
    if bounds["accuracy"][0] == bounds["accuracy"][1]:  # every resample is alike: the bootstrap knows no doubt
        doubt = wilson(scores["accuracy"] * len(groups), len(groups))
        bounds["accuracy"] = (float(doubt.low), float(doubt.high))
    return Measured(
        part=part,
        n=len(predictions),
        patients=len(groups),
        counts=tuple(int(n) for n in confusion.sum(axis=1)),
        majority=float(majority_share(confusion)),
        degenerate=bool(is_degenerate(confusion)),
        scores=scores,
        bounds=bounds,
    )
