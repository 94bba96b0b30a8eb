"""The arms against each other, and the seeds of each beside one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.results.columns import (
    DIFFERENCES,
    NEW_PATIENTS,
    NO_RESULT,
    NOT_CONFIRMED,
    PAIRS,
    RUN,
    SEEDS,
    TEST,
    VALIDATION,
    split_text,
)
from analysis.results.labels import arm_label, arm_labels
from analysis.results.predictions import PredictionSet, every_confirmed, has_new_patients, primary_predictions
from analysis.results.study_runs import StudyRuns, objective
from analysis.stats.bootstrap import configuration_interval
from analysis.stats.influence import ByPatient, by_patient
from analysis.stats.metrics import Floats, Ints, accuracy_and_kappa, auc_ovr, scores_from_confusion
from analysis.stats.paired_tests import simultaneous
from analysis.tables.score_models import SEED, constant_predictor_seeds

WIDEST = {"accuracy": 1.0, "kappa": 2.0}
"""No difference of two scores is larger."""


@dataclass(frozen=True)
class Difference:
    """Two arms' models on the n images that both were measured on, of these patients (G,).

    by_score: each score of a minus that of b, means over seeds. seeds: number of the fewer. per_seed: the differences
    (s,) of each seed; none where the numbers of seeds differ.
    """

    n: int
    patients: Ints
    seeds: int
    by_score: dict[str, ByPatient]
    per_seed: dict[str, Floats]

    def row(self) -> dict[str, Any]:
        """Columns of columns.PAIRS, each interval by itself."""
        row: dict[str, Any] = {"n": self.n, "patients": self.patients.size, "seeds": self.seeds}
        for score, found in self.by_score.items():
            row[f"{score}_difference"] = found.value
            row |= self.bounds(score, found.interval(), 0.95)
        return row

    def bounds(self, score: str, ends: tuple[float, float], level: float) -> dict[str, float]:
        """Columns of an interval over patients, and of the configurations' at a level."""
        widest = WIDEST[score]
        configuration = (np.nan, np.nan)
        if score in self.per_seed:
            found = configuration_interval(self.per_seed[score], self.by_score[score].variance, level=level)
            if found.low != found.high:  # else nothing was seen of how seeds may differ
                configuration = (float(found.low), float(found.high))
        named = {"low": ends[0], "high": ends[1]}
        named |= {"configuration_low": configuration[0], "configuration_high": configuration[1]}
        return {f"{score}_difference_{end}": float(np.clip(value, -widest, widest)) for end, value in named.items()}


def pairs(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """The six pairs of arms, the later of schema.ARM_LABELS minus the earlier, on the split of the primary endpoint.

    board: arm_comparison.leaderboard(study). Columns: columns.PAIRS. Images that only one of the two was measured on
    (folds that one has not confirmed yet) are left out. On the test split the pairs are one family by the objective.
    """
    measured_on, models = primary_predictions(study, board)
    labels, score = arm_labels(study), objective(study)
    rows, found = [], {}
    for place, (arm_b, arm_a) in enumerate(combinations(schema.ARM_LABELS, 2)):
        label_a, label_b = labels[arm_a], labels[arm_b]
        row: dict[str, Any] = {"pair": f"{label_a} − {label_b}", "measured_on": measured_on, "score": score, "tests": 0}
        row |= {"arm_a": arm_a, "arm_b": arm_b, "label_a": label_a, "label_b": label_b}
        row |= {"split": split_text(measured_on, study.selection_split)}
        missing = [labels[arm] for arm in (arm_a, arm_b) if arm not in models]
        if missing:
            started = all((board["arm"] == arm).any() for arm in (arm_a, arm_b))
            status = NOT_CONFIRMED if started and measured_on != VALIDATION else NO_RESULT
            row |= {"status": status, "reason": f"no predictions of {' and '.join(missing)}"}
        else:
            one = difference(models[arm_a], models[arm_b])
            if one.n:
                found[place] = one
                row |= {"status": RUN, "reason": ""} | one.row()
            else:
                row |= {"status": NO_RESULT, "reason": f"{label_a} and {label_b} were measured on no image both"}
        rows.append(row)
    if measured_on != VALIDATION:
        for place, columns in _family(found, score).items():
            rows[place] |= columns
    return pd.DataFrame(rows, columns=list(PAIRS))


def _family(found: dict[int, Difference], score: str) -> dict[int, dict[str, Any]]:
    """Columns of the pairs (by their place) whose intervals and p hold for all of them together."""
    found = {place: one for place, one in found.items() if not np.isnan(one.by_score[score].value)}
    if not found:
        return {}
    everyone = np.unique(np.concatenate([one.patients for one in found.values()]))
    influence = np.zeros((everyone.size, len(found)))
    for column, one in enumerate(found.values()):
        influence[np.searchsorted(everyone, one.patients), column] = one.by_score[score].influence
    differences = [one.by_score[score] for one in found.values()]
    family = simultaneous(differences, influence, np.random.default_rng(SEED))
    level = 1 - 0.05 / len(found)  # Bonferroni: seeds are too few for more
    return {
        place: {"tests": len(found), "p_adjusted": float(family.p[at])}
        | one.bounds(score, (float(family.low[at]), float(family.high[at])), level)
        for at, (place, one) in enumerate(found.items())
    }


def seed_values(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """Each seed of each confirmed configuration, an arm's best one first, on the test split, and on its images of new
    patients where they are fewer than all.

    board: arm_comparison.leaderboard(study). Columns: columns.SEEDS; empty where nothing was confirmed.
    """
    rows = []
    for arm, models in every_confirmed(study, board):
        splits = {TEST: models}
        if has_new_patients(models):
            splits[NEW_PATIENTS] = models.only(models.new_patients)
        for measured_on, one in splits.items():
            rows += [_seed(arm_label(study, arm), arm, measured_on, one, place) for place in range(len(one.seeds))]
    return pd.DataFrame(rows, columns=list(SEEDS))


def difference(a: PredictionSet, b: PredictionSet) -> Difference:
    """Two arms' models on the images that both were measured on."""
    keys = [pd.MultiIndex.from_arrays([one.fold, one.row]) for one in (a, b)]
    a, b = (one.only(own.isin(other)) for one, own, other in zip((a, b), keys, reversed(keys), strict=True))
    patients, seeds = np.unique(a.patient), (len(a.seeds), len(b.seeds))
    if not patients.size:
        return Difference(0, patients, min(seeds), {}, {})
    counts_a, counts_b = a.counts(), b.counts()
    of_a, of_b = (accuracy_and_kappa(counts.sum(axis=0)) for counts in (counts_a, counts_b))
    return Difference(
        n=int(np.unique(a.row).size),
        patients=patients,
        seeds=min(seeds),
        by_score={name: by_patient(counts_a, name).minus(by_patient(counts_b, name)) for name in DIFFERENCES},
        per_seed={
            name: of_a[name] - of_b[name]
            for name in DIFFERENCES
            if seeds[0] == seeds[1] and not np.isnan([of_a[name], of_b[name]]).any()
        },
    )


def _seed(label: str, arm: str, measured_on: str, models: PredictionSet, place: int) -> dict[str, Any]:
    counts = models.counts()
    total = counts[:, place].sum(axis=0)
    row: dict[str, Any] = {"arm": arm, "label": label, "trial": models.trial}
    row |= {"measured_on": measured_on, "split": split_text(measured_on), "seed_index": place}
    row |= {"seed": models.seeds[place], "confirm": models.runs[place]}
    row |= {
        "n": int(total.sum()),
        "patients": counts.shape[0],
        "constant_predictor": bool(constant_predictor_seeds(models)[place]),
    }
    row |= {name: float(value) for name, value in scores_from_confusion(total).items()}
    return row | {"auc": auc_ovr(models.grade, models.probabilities[place])}
