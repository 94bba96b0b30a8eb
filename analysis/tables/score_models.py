"""How good models are: every score with its interval, from predictions or, where there are none, from counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis import schema
from analysis.results.predictions import ImagePredictions
from analysis.stats.auc_bootstrap import bootstrap_auc
from analysis.stats.bootstrap import Interval, bootstrap_by_group, configuration_interval, mean_over_seeds
from analysis.stats.influence import FEWEST_PATIENTS, NO_BOUNDS, by_patient, kappa_interval
from analysis.stats.metrics import Floats, Ints, auc_ovr, is_constant_predictor, majority_share, scores_from_confusion
from analysis.stats.shares import Bounds, effective_patients, share_interval

SEED = 0
"""Generator of all intervals: the same study gives the same tables."""

RESAMPLES = 2_000
"""Of balanced accuracy, macro F1 and AUC; the other scores' intervals need none."""

ABOVE = "gain_over_majority"

Row = dict[str, object]


def scores_with_intervals(models: ImagePredictions) -> Row:
    """columns.MEASURES and OVER_SEEDS of an arm's models: scores are means over seeds, intervals over patients."""
    counts = models.counts()  # (patients, s, 5, 5)
    total = counts.sum(axis=0)  # (s, 5, 5)
    scores = scores_from_confusion(total)
    scores["auc"] = np.array([auc_ovr(models.grade, probability) for probability in models.probabilities])
    drawn = bootstrap_by_group(counts, np.random.default_rng(SEED), resamples=RESAMPLES, over_seeds=True)
    drawn["auc"] = bootstrap_auc(
        models.patient, models.grade, models.probabilities, np.random.default_rng(SEED), resamples=RESAMPLES
    )
    row: Row = {"n": models.n_images(), "interval_over": "patients"} | images_of(counts)
    row |= _constants(total, constant_predictor_seeds(models)) | majority_gain(counts)
    of_kappa = by_patient(counts, "kappa")
    few = float(str(row["effective_patients"])) < FEWEST_PATIENTS  # as where one patient has most of the images
    bounds = share_bounds(counts) | {"kappa": NO_BOUNDS if few and of_kappa.known else kappa_interval(of_kappa)}
    for name in schema.SCORES:
        row |= _score(name, scores[name], drawn[name], bounds.get(name))
    if few:
        row |= dict.fromkeys(("kappa_configuration_low", "kappa_configuration_high"), float("nan"))
    return row | {"kappa_patients": of_kappa.patients}


def counted(confusions: list[Ints]) -> Row:
    """The same from the counts (5, 5) of each seed alone: shares have bounds as if each image were a patient."""
    total = np.stack(confusions)  # (s, 5, 5)
    each = np.diag(total[0].sum(axis=-1)).reshape(1, 5, 5)  # only its true grades count here
    row: Row = {"n": int(total[0].sum()), "interval_over": "images"}
    row |= {name: value for name, value in images_of(each).items() if name.startswith("n_grade")}
    row |= {"effective_patients": float(total[0].sum())} | _constants(total, is_constant_predictor(total))
    for name, values in scores_from_confusion(total).items():
        row[name] = float(mean_over_seeds(values))
        row[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    row["accuracy_low"], row["accuracy_high"] = share_interval(float(str(row["accuracy"])), float(total[0].sum()))
    for end in ("", "_low", "_high"):
        row[f"{ABOVE}{end}"] = float(str(row[f"accuracy{end}"])) - float(str(row["majority"]))
    return row


def share_bounds(counts: Ints, level: float = 0.95) -> dict[str, Bounds]:
    """Bounds of accuracy and of each grade's recall, means over seeds; counts (patients, s, 5, 5)."""
    images = counts[:, 0].sum(axis=-1)  # (patients, 5) of each true grade, the same for all models
    hits = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=0).mean(axis=0)  # (5,)
    found: dict[str, tuple[float, Ints]] = {"accuracy": (float(hits.sum()), images.sum(axis=1))}
    found |= {f"recall_{grade}": (float(hits[grade]), images[:, grade]) for grade in schema.GRADES}
    return {
        name: share_interval(
            right / of_each.sum() if of_each.any() else np.nan, effective_patients(of_each), level=level
        )
        for name, (right, of_each) in found.items()
    }


def claimed(counts: Ints, level: float) -> Row:
    """columns.CLAIMED: lower bounds at a level that several configurations share; counts (patients, s, 5, 5)."""
    return {
        "accuracy_claimed": share_bounds(counts, level)["accuracy"][0],
        f"{ABOVE}_claimed": majority_gain(counts, level)[f"{ABOVE}_low"],
    }


def majority_gain(counts: Ints, level: float = 0.95) -> Row:
    """Accuracy beyond that of the majority class on the same patients, with its bounds; counts (patients, s, 5, 5)."""
    found = by_patient(counts, ABOVE, common=int(counts[:, 0].sum(axis=(0, -1)).argmax()))
    low, high = found.interval(level)
    return {ABOVE: found.value, f"{ABOVE}_low": low, f"{ABOVE}_high": high}


def constant_predictor_seeds(models: ImagePredictions) -> NDArray[np.bool_]:
    """Which of the seeds (s,) gives every image the same grade; in a study of folds every image of one of them."""
    by_fold = [is_constant_predictor(one.counts().sum(axis=0)) for one in models.by_fold()]
    return np.asarray(np.stack(by_fold).any(axis=0))


def images_of(counts: Ints) -> Row:
    """How the images are spread over patients and grades; counts (patients, s, 5, 5)."""
    by_grade = counts.reshape(counts.shape[0], -1, *counts.shape[-2:])[:, 0].sum(axis=-1)  # (patients, 5)
    each = by_grade.sum(axis=1)
    row: Row = {f"n_grade_{grade}": int(by_grade[:, grade].sum()) for grade in schema.GRADES}
    row |= {"patients": counts.shape[0], "effective_patients": effective_patients(each)}
    return row | {"largest_patient": float(each.max() / each.sum()) if each.any() else float("nan")}


def _constants(total: Ints, constant: NDArray[np.bool_]) -> Row:
    """Majority class, and which seeds (s,) give all images of a fold one grade; of one fold also which grade."""
    grades = [str(int(one.sum(axis=0).argmax())) for one in total[is_constant_predictor(total)]]
    row: Row = {"majority": float(majority_share(total[0])), "constant_predictor": bool(constant.any())}
    return row | {"constant_predictor_seeds": int(constant.sum()), "constant_predictor_grades": "; ".join(grades)}


def _score(name: str, per_seed: Floats, interval: Interval, bounds: Bounds | None) -> Row:
    """One score's columns; per_seed (s,). bounds: in place of the interval's, of which the variance is used alone.

    An interval of width 0 is no certainty: all resamples are alike, as of one patient, or where all are right.
    """
    low, high = bounds or (float(interval.low), float(interval.high))
    if bounds is None and low == high:
        low = high = float("nan")
    row: Row = {name: float(mean_over_seeds(per_seed)), f"{name}_low": low, f"{name}_high": high}
    defined = per_seed[~np.isnan(per_seed)]
    row[f"{name}_sd"] = float(np.std(defined, ddof=1)) if defined.size > 1 else float("nan")
    if defined.size:
        configuration = configuration_interval(defined, float(interval.variance))
        lowest = -1.0 if name == "kappa" else 0.0  # t knows nothing of the bounds of a score
        ends = np.clip([configuration.low, configuration.high], lowest, 1.0)
        if configuration.low == configuration.high:  # all seeds alike: nothing was seen of how they may differ
            ends[:] = np.nan
        row |= {f"{name}_configuration_low": float(ends[0]), f"{name}_configuration_high": float(ends[1])}
    return row
