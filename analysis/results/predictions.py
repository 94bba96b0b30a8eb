"""The models that stand for each arm and their predictions: its best trial, its confirmations on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import schema
from analysis.errors import RunsError
from analysis.results.columns import NEW_PATIENTS, TEST, VALIDATION
from analysis.results.study_runs import MOST_PROBABLE, StudyRuns
from analysis.schema import PROBABILITIES
from analysis.stats.bootstrap import confusion_by_group
from analysis.stats.metrics import Floats, Ints, called

PER_IMAGE = ("fold", "row", "patient", "grade", "new_patients")


@dataclass(frozen=True, kw_only=True)
class ImagePredictions:
    """Predictions of s models on the same n images: all that scores with intervals need.

    patient, grade  (n,) integers
    probabilities   (s, n, 5)
    decision        how a grade is called from them (`metrics.called`)
    """

    patient: Ints
    grade: Ints
    probabilities: Floats
    decision: str = MOST_PROBABLE

    def called(self) -> Ints:
        """The grade (s, n) that each model calls for each image."""
        return called(self.probabilities, self.decision)

    def counts(self) -> Ints:
        """Confusion counts (patients, s, 5, 5)."""
        return np.stack([confusion_by_group(self.patient, self.grade, one) for one in self.called()], axis=1)

    def correct(self) -> Floats:
        """Correctness (n,) of each image, averaged over seeds."""
        return np.asarray((self.called() == self.grade).mean(axis=0))

    def n_images(self) -> int:
        """Number of different images."""
        return self.grade.size

    def by_fold(self) -> Sequence[ImagePredictions]:
        """The predictions of each fold's models; one set without folds."""
        return [self]


@dataclass(frozen=True, kw_only=True)
class PredictionSet(ImagePredictions):
    """Predictions of an arm's models, one for each of s seeds.

    In a study of folds each seed has one model for each fold, and the images of all folds stand one after the other.

    trial         name of the configuration's trial; of folds one for each, between commas
    seeds         number of each seed, or its name where it was not recorded; runs: names of the runs
    fold, row     (n,) integers
    new_patients  (n,): whether the patient is not in training
    """

    trial: str
    seeds: tuple[str, ...]
    runs: tuple[str, ...]
    fold: Ints
    row: Ints
    new_patients: NDArray[np.bool_]

    def only(self, chosen: NDArray[np.bool_]) -> PredictionSet:
        """The same models on the chosen (n,) images."""
        per_image = {name: getattr(self, name)[chosen] for name in PER_IMAGE}
        return replace(self, probabilities=self.probabilities[:, chosen], **per_image)

    def n_images(self) -> int:
        """Number of different images."""
        return int(np.unique(self.row).size)

    def by_fold(self) -> list[PredictionSet]:
        """The predictions of each fold's models."""
        return [self.only(self.fold == fold) for fold in np.unique(self.fold)]

    def folds(self) -> int:
        """On how many folds; 0 without folds."""
        return int(np.unique(self.fold[self.fold > 0]).size)


def validated(study: StudyRuns, board: pd.DataFrame) -> dict[str, PredictionSet]:
    """Arm -> its best trial (of folds: of each fold) on validation; board: arm_comparison.leaderboard(study).

    An arm is left out where one of its best trials has no recorded predictions.
    """
    fold_of = study.trials.set_index("trial")["fold"]
    found = {}
    for arm in schema.ARM_LABELS:
        own = board.loc[board["arm"] == arm, "trial"]
        best = own[~own.map(fold_of).duplicated()].sort_values()  # the board is sorted: first of each fold
        tables = {trial: table for trial in best if (table := study.predictions.get(trial)) is not None}
        if len(best) and len(tables) == len(best):
            own_tables = [(int(fold_of[trial]), table) for trial, table in tables.items()]
            found[arm] = _prediction_set(study, ", ".join(tables), [""], [""], [own_tables])
    return found


def confirmed(study: StudyRuns, board: pd.DataFrame, place: int = 0) -> dict[str, PredictionSet]:
    """Arm -> confirmations of its best confirmed trial (of folds: of each fold) on the whole test split.

    Where several trials of an arm were confirmed, the one that stands first in the board counts: it was chosen on
    validation; `place` asks for the others, 1 for the second. In a study of folds only seeds that were confirmed in
    each of the folds confirmed so far are kept. A first trial that was confirmed to measure the search's gain stands
    for no arm.
    Raises RunsError where two confirmations were measured on different images.
    """
    tested = with_ranks(study, board)
    tested = tested[tested["confirm"].isin(list(study.test_predictions))]
    found = {}
    for arm in schema.ARM_LABELS:
        own = tested[tested["arm"] == arm]
        models = of_confirmations(study, own[own.groupby("fold")["rank"].rank("dense") == place + 1])
        if models is not None:
            found[arm] = models
    return found


def with_ranks(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """study.confirmations of configurations that stand for an arm, with the `rank` of their trial in the board."""
    rank = {trial: number for number, trial in enumerate(board["trial"])}
    runs = study.confirmations[~study.confirmations["baseline"]]
    return runs.assign(rank=runs["trial"].map(rank).fillna(len(rank)))


def chosen_arms(study: StudyRuns, board: pd.DataFrame) -> dict[int, str]:
    """Fold (0 without folds) -> the arm that validation chose in it; board: arm_comparison.leaderboard(study).

    A trial that was begun after the test split had been read took no part in that choice.
    """
    before = board[~board["trial"].isin(study.added_after_reading)]
    first = before.loc[~before["trial"].map(study.trials.set_index("trial")["fold"]).duplicated()]
    return dict(sorted(zip(first["trial"].map(study.trials.set_index("trial")["fold"]), first["arm"], strict=True)))


def of_chosen_arms(study: StudyRuns, board: pd.DataFrame) -> PredictionSet | None:
    """Confirmations of the arm that validation chose in each fold, all folds pooled, on the whole test split."""
    tested, chosen = with_ranks(study, board), chosen_arms(study, board)
    tested = tested[tested["confirm"].isin(list(study.test_predictions))]
    own = tested[tested["arm"] == tested["fold"].map(chosen)]
    return of_confirmations(study, own[own.groupby("fold")["rank"].rank("dense") == 1])


def of_confirmations(study: StudyRuns, chosen: pd.DataFrame) -> PredictionSet | None:
    """The models of these rows of study.confirmations, one configuration in each fold, on the whole test split.

    Only seeds that were confirmed in each of their folds are kept; None where none is left.
    """
    if chosen.empty:
        return None
    chosen = chosen.sort_values(["fold", "seed_index", "confirm"]).drop_duplicates(["fold", "seed_index"])
    shared = set.intersection(*(set(one["seed_index"]) for _, one in chosen.groupby("fold")))
    seeds = [chosen[chosen["seed_index"] == seed_index] for seed_index in sorted(shared)]
    if not seeds:
        return None
    tables = [
        [(int(fold), study.test_predictions[name]) for name, fold in zip(seed["confirm"], seed["fold"], strict=True)]
        for seed in seeds
    ]
    names = [", ".join(seed["confirm"]) for seed in seeds]
    numbers = [", ".join(dict.fromkeys(seed["seed"])) for seed in seeds]
    return _prediction_set(study, ", ".join(chosen["trial"].unique()), numbers, names, tables)


def every_confirmed(study: StudyRuns, board: pd.DataFrame) -> list[tuple[str, PredictionSet]]:
    """(arm, models) of every confirmed configuration, by arm and then by its place in the board."""
    found: list[tuple[str, PredictionSet]] = []
    for place in range(len(board) + 1):
        more = confirmed(study, board, place)
        if not more:
            break
        found += more.items()
    return sorted(found, key=lambda one: list(schema.ARM_LABELS).index(one[0]))


def primary_predictions(study: StudyRuns, board: pd.DataFrame) -> tuple[str, dict[str, PredictionSet]]:
    """The split of the primary endpoint, one of VALIDATION, TEST, NEW_PATIENTS, and each arm's predictions on it.

    Once an arm is confirmed that is the test split; of it only the images whose patient is not in training, where they
    are fewer than all.
    """
    found = confirmed(study, board)
    if not found:
        counted = not study.confirmations.empty and bool(study.test_confusions)
        return (TEST, {}) if counted else (VALIDATION, validated(study, board))
    if not any(has_new_patients(models) for models in found.values()):
        return TEST, found
    return NEW_PATIENTS, {arm: models.only(models.new_patients) for arm, models in found.items()}


def has_new_patients(models: PredictionSet) -> bool:
    """Whether some images, and not all, are of patients who are not in training."""
    return bool(models.new_patients.any() and not models.new_patients.all())


def _prediction_set(
    study: StudyRuns, trial: str, seeds: list[str], runs: list[str], tables: list[list[tuple[int, pd.DataFrame]]]
) -> PredictionSet:
    """tables: for each seed (fold, table) of each of its folds, in the same order for all seeds."""
    columns = [_columns(one) for one in tables]
    for name, own in zip(runs[1:], columns[1:], strict=True):
        if not all(np.array_equal(own[key], columns[0][key]) for key in PER_IMAGE):
            raise RunsError(
                f"the confirmations of one trial must be measured on the same images, but {name} is not on those of "
                f"{runs[0]}; confirm the study again"
            )
    per_image: dict[str, Any] = {key: columns[0][key] for key in PER_IMAGE}
    return PredictionSet(
        trial=trial,
        seeds=tuple(seeds),
        runs=tuple(runs),
        probabilities=np.stack([own["probabilities"] for own in columns]),
        decision=study.decision,
        **per_image,
    )


def _columns(tables: list[tuple[int, pd.DataFrame]]) -> dict[str, NDArray[Any]]:
    """PER_IMAGE and probabilities (n, 5) of one seed's folds, one after the other, each by its rows."""
    folds = []
    for fold, table in tables:
        order = np.argsort(table["row"].to_numpy(), kind="stable")
        own: dict[str, NDArray[Any]] = {"fold": np.full(order.size, fold, dtype=np.int64)}
        own |= {name: table[name].to_numpy(np.int64)[order] for name in ("row", "patient", "grade")}
        known = "new_patients" in table
        own["new_patients"] = (
            table["new_patients"].to_numpy(np.bool_)[order] if known else np.zeros(order.size, np.bool_)
        )
        own["probabilities"] = table[list(PROBABILITIES)].to_numpy(np.float64)[order]
        folds.append(own)
    return {name: np.concatenate([own[name] for own in folds]) for name in folds[0]}
