"""How good models are: every score with its interval, from predictions or, where there are none, from counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis import schema
from analysis.results.predictions import ImagePredictions
from analysis.stats.auc_bootstrap import bootstrap_auc
from analysis.stats.bootstrap import (
    Interval,
    bootstrap_by_group,
    configuration_interval,
    mean_over_seeds,
    share_bounds,
    wilson,
)
from analysis.stats.metrics import Floats, Ints, auc_ovr, is_constant_predictor, majority_share, scores_from_confusion

SEED = 0
"""Generator of all intervals: the same study gives the same tables."""

RESAMPLES = 2_000

TEST_RESAMPLES = 10_000
"""Of what was chosen on validation, and of the primary endpoint."""

AUC_RESAMPLES = 2_000

ABOVE = "gain_over_majority"

Row = dict[str, object]


def scores_with_intervals(models: ImagePredictions, resamples: int = RESAMPLES) -> Row:
    """columns.MEASURES and OVER_SEEDS of an arm's models: scores are means over seeds, intervals over patients."""
    counts = models.counts()  # (patients, s, 5, 5)
    total = counts.sum(axis=0)  # (s, 5, 5)
    scores = scores_from_confusion(total)
    scores["auc"] = np.array([auc_ovr(models.grade, probability) for probability in models.probabilities])
    common = int(total[0].sum(axis=-1).argmax())  # the majority class

    def all_scores(confusion: Floats) -> dict[str, Floats]:
        return {**scores_from_confusion(confusion), ABOVE: _above(confusion, common)}

    bounds = bootstrap_by_group(
        counts, np.random.default_rng(SEED), resamples=resamples, scores=all_scores, over_seeds=True
    )
    bounds["auc"] = bootstrap_auc(
        models.patient, models.grade, models.probabilities, np.random.default_rng(SEED), resamples=AUC_RESAMPLES
    )
    constant_predictor = constant_predictor_seeds(models)
    row: Row = {"n": models.n_images(), "patients": counts.shape[0], "interval_over": "patients"}
    row |= {"majority": float(majority_share(total[0])), "constant_predictor": bool(constant_predictor.any())}
    row["constant_predictor_seeds"] = int(constant_predictor.sum())
    row |= {ABOVE: float(mean_over_seeds(_above(total, common)))}
    row |= {f"{ABOVE}_low": float(bounds[ABOVE].low), f"{ABOVE}_high": float(bounds[ABOVE].high)}
    for name in schema.SCORES:
        row |= _score(name, scores[name], bounds[name])
    return row | never_certain(row, patients_by_grade(counts))


def counted(confusions: list[Ints]) -> Row:
    """The same from the counts (5, 5) of each seed alone: Wilson's interval of accuracy, over images, no other."""
    total = np.stack(confusions)  # (s, 5, 5)
    constant_predictor = is_constant_predictor(total)
    n = int(total[0].sum())
    row: Row = {
        "n": n,
        "majority": float(majority_share(total[0])),
        "constant_predictor": bool(constant_predictor.any()),
    }
    row |= {"constant_predictor_seeds": int(constant_predictor.sum()), "interval_over": "images"}
    for name, values in scores_from_confusion(total).items():
        row[name] = float(mean_over_seeds(values))
        row[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    found = wilson(float(str(row["accuracy"])) * n, n)
    row |= {"accuracy_low": float(found.low), "accuracy_high": float(found.high)}
    for end in ("", "_low", "_high"):
        row[f"{ABOVE}{end}"] = float(str(row[f"accuracy{end}"])) - float(str(row["majority"]))
    return row


def patients_by_grade(counts: Ints) -> Ints:
    """Number of patients (6,) who have an eye of each grade, and of all; counts (patients, ..., 5, 5)."""
    one = counts.reshape(counts.shape[0], -1, *counts.shape[-2:])[:, 0]  # each model has the same grades
    present = one.sum(axis=-1) > 0
    return np.append(present.sum(axis=0), counts.shape[0])


def never_certain(row: Row, patients: Ints) -> Row:
    """Bounds of scores that are the same in each resample: where every patient is right (or wrong), or there is one
    patient, the bootstrap knows no doubt, but Wilson's interval over patients does, for shares; what is no share has no
    bounds. But 0, which one answer for all has in kappa and beyond the majority, it has on any patients. patients:
    patients_by_grade."""
    found: Row = {}
    for name in ("kappa", "balanced_accuracy", "macro_f1", "auc", ABOVE):
        value, low, high = (float(str(row.get(f"{name}{end}", "nan"))) for end in ("", "_low", "_high"))
        by_definition = value == 0 and name in ("kappa", ABOVE) and patients[-1] > 1
        if low == high and not by_definition:
            found |= {f"{name}_low": float("nan"), f"{name}_high": float("nan")}
    for name, count in zip((*(f"recall_{grade}" for grade in schema.GRADES), "accuracy"), patients, strict=True):
        value, low, high = (float(str(row.get(f"{name}{end}", "nan"))) for end in ("", "_low", "_high"))
        if low == high:
            found[f"{name}_low"], found[f"{name}_high"] = share_bounds(low, high, value, count)
    return found


def _above(confusion: Floats | Ints, common: int) -> Floats:
    """Accuracy (...) minus the share of the grade `common`; confusion (..., 5, 5)."""
    with np.errstate(invalid="ignore"):
        hits = np.trace(confusion, axis1=-2, axis2=-1) - confusion[..., common, :].sum(axis=-1)
        return np.asarray(hits / confusion.sum(axis=(-2, -1)))


def constant_predictor_seeds(models: ImagePredictions) -> NDArray[np.bool_]:
    """Which of the seeds (s,) gives every image the same grade; in a study of folds every image of one of them."""
    by_fold = [is_constant_predictor(one.counts().sum(axis=0)) for one in models.by_fold()]
    return np.asarray(np.stack(by_fold).any(axis=0))


def _score(name: str, per_seed: Floats, interval: Interval) -> Row:
    """One score's columns; per_seed (s,)."""
    row: Row = {name: float(mean_over_seeds(per_seed))}
    row |= {f"{name}_low": float(interval.low), f"{name}_high": float(interval.high)}
    defined = per_seed[~np.isnan(per_seed)]
    row[f"{name}_sd"] = float(np.std(defined, ddof=1)) if defined.size > 1 else float("nan")
    if defined.size:
        configuration = configuration_interval(defined, float(interval.variance))
        lowest = -1.0 if name == "kappa" else 0.0  # t knows nothing of the bounds of a score
        if (
            configuration.low == configuration.high
        ):  # all seeds alike on all patients: nothing was seen of how they may differ
            configuration = replace(configuration, low=np.asarray(np.nan), high=np.asarray(np.nan))
        row |= {f"{name}_configuration_low": float(np.clip(configuration.low, lowest, 1.0))}
        row |= {f"{name}_configuration_high": float(np.clip(configuration.high, lowest, 1.0))}
    return row
