"""The best model of a study: which one, and where its weights, predictions and photographs are.

The one place that looks it up, for what shows and exports it. It is chosen on validation alone: a confirmation is
measured on the test split, never chosen by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import schema
from analysis.errors import RunsError
from analysis.results.run_artifacts import PREDICTION_COLUMNS, TEST_COLUMNS, checked_predictions
from retina_data.cache.cache import Cache, open_cache
from retina_data.errors import DataError
from retina_data.grades import GRADES, PROBABILITIES
from retina_models.resnet import ARCHITECTURES, ResNet
from retina_models.weights import read_safetensors
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.storage.events import StudyStarted
from study.storage.home import fold_studies
from study.storage.ranking import Candidate, candidates
from study.storage.state import StudyState, TrialRecord, read_state
from study.training.checkpoints import BEST, CALIBRATION, PREDICTIONS, TEST_PREDICTIONS
from study.training.prediction import Grader


@dataclass(frozen=True)
class BestModel:
    """One trained network of a study, or the seeds of its winner as one model, and what was measured with it.

    study: its name, of the first fold where there are folds. began: the event that began it. chosen: the trial whose
    configuration it has, and what it was chosen by. record: of the confirmation that trained it, or of the trial itself
    where there is none. others: the other seeds, where all are one model. siblings: winners of the same arm in the
    other folds, which were trained alike on other patients.
    """

    study: str
    began: StudyStarted
    chosen: Candidate
    record: TrialRecord
    config: TrialConfig
    folder: Path  # of its weights and predictions
    others: tuple[BestModel, ...] = ()
    siblings: tuple[BestModel, ...] = ()

    @property
    def members(self) -> tuple[BestModel, ...]:
        """Each network of it, by the number of its seed."""
        return (self, *self.others)

    @property
    def trial(self) -> str:
        """Name of the trial that was chosen."""
        return self.chosen.record.trial

    @property
    def confirm(self) -> str:
        """Name of the confirmation, between commas those of all seeds, "" for a trial."""
        return ", ".join(one.record.trial for one in self.members) if self.record.confirm else ""

    @property
    def epoch(self) -> int:
        """The epoch after which the weights were taken."""
        best = self.record.best()
        assert best is not None, "only records with a score are looked at"
        return best.epoch

    @property
    def chosen_on(self) -> str:
        """The split that epoch and trial were chosen on."""
        return "test, chosen on test" if self.began.config["select_on"] == "test" else "validation"

    def validation(self) -> pd.DataFrame:
        """Predictions (row, patient, grade, p0 .. p4) of validation by the first network, of one view.

        Raises ConfigError where they are gone.
        """
        return _read_predictions(self.folder / PREDICTIONS)

    def calibration(self) -> pd.DataFrame | None:
        """The same with all views and members; None where there is no confirmation, or they are gone."""
        return self._mean_of(CALIBRATION)

    def test(self) -> pd.DataFrame | None:
        """The same of the test split, with the column `new_patients`; None where it was not read, or they are gone."""
        return self._mean_of(TEST_PREDICTIONS)

    def _mean_of(self, name: str) -> pd.DataFrame | None:
        """Stored predictions, the mean over the members' probabilities."""
        files = [one.folder / name for one in self.members]
        if not self.record.confirm or not all(file.exists() for file in files):
            return None
        return mean_predictions({f"{file.parent.name}/{name}": _read_predictions(file) for file in files})

    def network(self) -> ResNet:
        """The first network with its weights, on the CPU, in evaluation mode."""
        model = ARCHITECTURES[self.config.architecture](len(GRADES), self.config.head)
        model.load_state_dict(read_safetensors(self.folder / BEST))
        return model.eval()

    def grader(self, views: int) -> Grader:
        """All networks with so many views as one, on the CPU, in evaluation mode."""
        return Grader([one.network() for one in self.members], views).eval()

    def description(self) -> str:
        """Arm, study, trial and confirmation, in one line."""
        made = f"{schema.label(self.config.arm, self.began.weights)}, study {self.study}, trial {self.trial}"
        if self.others:
            return f"{made}, its {len(self.members)} confirmed seeds as one model ({self.confirm})"
        if self.record.confirm:
            index = self.record.confirm.seed_index
            return f"{made}, confirmed as {self.confirm} (seed number {index}, epoch {self.epoch})"
        return f"{made}, epoch {self.epoch} (not confirmed)"


def mean_predictions(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of the probabilities of tables that are of the same photographs, by name; raises ConfigError if not."""
    (first, table), *rest = tables.items()
    columns = [*PROBABILITIES]
    for name, other in rest:
        if not other.drop(columns=columns).equals(table.drop(columns=columns)):
            raise ConfigError(
                f"seeds that are one model must be measured on the same photographs, but {name} is not of those of "
                f"{first}; confirm the study again under another name"
            )
    if not rest:
        return table
    mean = np.mean([one[columns].to_numpy(np.float64) for one in tables.values()], axis=0)  # (n, 5)
    return table.assign(**{name: mean[:, grade] for grade, name in enumerate(columns)})


def find_best_model(
    home: Path, name: str, arm: str | None = None, rerun_flags: str = "", *, ensemble: bool = False
) -> BestModel:
    """The configuration that validation chose in a study, or in one of its arms, by its first confirmation if any.

    Of a study of folds: the first fold's, in the arm with the best mean over the folds; `siblings` has the others'.
    rerun_flags: of Home, for the commands in what is raised. ensemble: all its confirmed seeds as one model,
    `others`. Raises ConfigError where there is no such study, no trial with a score, no weights any more, or too few
    seeds.
    """
    if arm is not None and arm not in schema.ARM_LABELS:
        raise ConfigError(f"--arm must be one of {', '.join(schema.ARM_LABELS)}, but got {arm!r}")
    fold_names = fold_studies(home, name)
    if len(fold_names) > 1:
        if missing := [fold for fold in fold_names if not (home / fold / "ledger.jsonl").exists()]:
            raise ConfigError(
                f"all folds of study {name} must have been searched, but {', '.join(missing)} did not begin; go on "
                f"with `retina search {name}{rerun_flags}`"
            )
        arm = arm or _best_arm(home, name, fold_names, rerun_flags)
    first, *rest = (
        _best_model(home, fold, arm, rerun_flags, needs, ensemble)
        for fold, needs in zip(fold_names, [BEST, *[PREDICTIONS] * (len(fold_names) - 1)], strict=True)
    )
    return replace(first, siblings=tuple(rest))


def _best_model(home: Path, name: str, arm: str | None, rerun_flags: str, needs: str, ensemble: bool) -> BestModel:
    """needs: the file without which a model is not taken."""
    state = read_state(home / name)
    if state is None:
        raise ConfigError(
            f"study {name} must exist, but there is none of that name; `retina status{rerun_flags}` lists them"
        )
    best = next(iter(candidates(state, arm)), None)
    if best is None:
        of_arm = f" of the arm {arm}" if arm else ""
        able = [one for one in schema.ARM_LABELS if candidates(state, one)]
        remedy = f"there are some of {', '.join(able)}" if able else f"go on with `retina search {name}{rerun_flags}`"
        raise ConfigError(f"study {name} must have an ended trial{of_arm} with a score, but has none; {remedy}")
    seeds = [_made(home, name, state, best, record) for record in _confirmed(state, best)]
    if ensemble:
        return _as_one(seeds, name, best, rerun_flags, needs)
    for one in (*seeds, _made(home, name, state, best, best.record)):
        if (one.folder / needs).exists():
            return one
    trial = best.record.trial
    raise ConfigError(
        f"{needs} of trial {trial} of study {name} must be there, but has gone; `retina train --reproduce "
        f"{name}/{trial} --out FOLDER{rerun_flags}` makes it again, put it into checkpoints/{trial}"
    )


def _confirmed(state: StudyState, best: Candidate) -> list[TrialRecord]:
    """Complete confirmations of a configuration, by the number of their seed."""
    ended = [record for record in state.confirmations.values() if record.state == schema.STATE_COMPLETE]
    mine = {r.confirm.seed_index: r for r in ended if r.confirm and r.confirm.trial == best.record.trial}
    return [mine[number] for number in sorted(mine)]


def _made(home: Path, name: str, state: StudyState, chosen: Candidate, record: TrialRecord) -> BestModel:
    config = TrialConfig.model_validate(record.config)
    return BestModel(name, state.study, chosen, record, config, home / name / "checkpoints" / record.trial)


def _as_one(seeds: list[BestModel], name: str, best: Candidate, rerun_flags: str, needs: str) -> BestModel:
    """All confirmed seeds as one model: that is what was measured, so none may be missing."""
    if len(seeds) < 2:
        raise ConfigError(
            f"--ensemble needs at least two confirmed seeds of the winner, but trial {best.record.trial} of study "
            f"{name} has {len(seeds)}; confirm it with `retina confirm {name} --seeds 3{rerun_flags}`, or drop "
            "--ensemble"
        )
    if gone := [one.record.trial for one in seeds if not (one.folder / needs).exists()]:
        raise ConfigError(
            f"{needs} of every confirmed seed of study {name} must be there for --ensemble, but that of "
            f"{', '.join(gone)} has gone; put it back into checkpoints, or drop --ensemble"
        )
    return replace(seeds[0], others=tuple(seeds[1:]))


def _best_arm(home: Path, name: str, folds: list[str], rerun_flags: str) -> str:
    """The arm whose winners have the highest mean on validation over all folds."""
    states = [state for fold in folds if (state := read_state(home / fold))]
    means = {}
    for arm in schema.ARM_LABELS:
        scores = [best.score for state in states for best in candidates(state, arm)[:1]]
        if len(scores) == len(folds):
            means[arm] = sum(scores) / len(scores)
    if not means:
        raise ConfigError(
            f"an arm of study {name} must have a trial with a score in each fold, but none has; "
            f"`retina status {name}{rerun_flags}` says what failed"
        )
    return max(means, key=lambda arm: means[arm])


def photographs(home: Path, winner: BestModel) -> Cache | None:
    """The cache with the photographs that the winner was trained on and measured with; None where it is gone."""
    config, digest = winner.config, winner.began.identity["data_digest"]
    wanted = {"digest": digest, "image_size": config.image_size, "crop": config.crop, "colour": config.colour}
    for file in sorted((home / "cache").glob("*/manifest.json")):
        try:
            manifest = json.loads(file.read_text("utf-8"))
            if {key: manifest[key] for key in wanted} == wanted:
                return open_cache(file.parent)
        except (OSError, ValueError, KeyError, TypeError, DataError):
            continue  # damaged, or of another program: not the one that is looked for
    return None


def _read_predictions(path: Path) -> pd.DataFrame:
    columns = TEST_COLUMNS if path.name == TEST_PREDICTIONS else PREDICTION_COLUMNS
    try:
        return checked_predictions(path.read_bytes(), path.parent.name, path.name, columns)
    except (OSError, ValueError, RunsError) as error:
        raise ConfigError(f"{path.name} of a trained model must hold its predictions, but does not: {error}") from None
