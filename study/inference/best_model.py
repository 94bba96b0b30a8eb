"""The best model of a study: its weights, predictions and photographs."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
from study.storage.ranking import Candidate
from study.storage.state import TrialRecord
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
