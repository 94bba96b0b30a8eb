"""The model that a study found: which one, and where its weights, predictions and photographs are.

The one place that looks it up, for what shows and exports it. It is chosen on validation alone: a confirmation is
measured on the test part, never chosen by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import records
from retina_data.cache import Cache, open_cache
from retina_data.index import DataError
from retina_models.pretrained import read_safetensors
from retina_models.resnet import ARCHITECTURES, ResNet
from study.checkpoints import BEST, PREDICTIONS, TEST_PREDICTIONS
from study.config import ConfigError, TrialConfig
from study.ledger import TrialRecord, ranked, read_events, study_state
from study.place import parts_of


@dataclass(frozen=True)
class Winner:
    """One trained network of a study, and what was measured with it.

    study: its name, of the first fold where there are folds. began: the event that began it. trial: whose configuration
    it has. record: of the confirmation that trained it, or of the trial itself where there is none. siblings: winners
    of the same arm in the other folds, which were trained alike on other patients.
    """

    study: str
    began: dict[str, Any]
    trial: str
    record: TrialRecord
    config: TrialConfig
    folder: Path  # of its weights and predictions
    siblings: tuple[Winner, ...] = ()

    @property
    def confirm(self) -> str:
        """Name of the confirmation, "" for a trial."""
        return self.record.trial if self.record.confirm else ""

    @property
    def epoch(self) -> int:
        """The epoch after which the weights were taken."""
        best = self.record.best()
        assert best is not None, "only records with a score are looked at"
        return int(best["epoch"])

    @property
    def chosen_on(self) -> str:
        """The part that epoch and trial were chosen on."""
        return "test, chosen on test" if self.began["config"]["select_on"] == "test" else "validation"

    def validation(self) -> pd.DataFrame:
        """Predictions (row, patient, grade, p0 .. p4) of validation. Raises ConfigError where they are gone."""
        return _read_predictions(self.folder / PREDICTIONS)

    def test(self) -> pd.DataFrame | None:
        """Predictions of the test part with the column `clean`; None where it was not read, or they are gone."""
        file = self.folder / TEST_PREDICTIONS
        return _read_predictions(file) if self.confirm and file.exists() else None

    def network(self) -> ResNet:
        """The network with its weights, on the CPU, in evaluation mode."""
        model = ARCHITECTURES[self.config.architecture](len(records.GRADES), self.config.head)
        model.load_state_dict(read_safetensors(self.folder / BEST))
        return model.eval()

    def told(self) -> str:
        """What it is, in one line."""
        made = f"{records.ARM_LABELS[self.config.arm]}, study {self.study}, trial {self.trial}"
        if self.record.confirm:
            repeat = self.record.confirm["repeat"]
            return f"{made}, confirmed as {self.confirm} (seed number {repeat}, epoch {self.epoch})"
        return f"{made}, epoch {self.epoch} (not confirmed)"


def find_winner(home: Path, name: str, arm: str | None = None, again: str = "") -> Winner:
    """The best trial of a study, or of one of its arms, on validation, by its first confirmation if it has one.

    Of a study of folds: the first fold's, in the arm with the best mean over the folds; `siblings` has the others'.
    again: Place.again, for the commands in what is raised: ConfigError where there is no such study, no trial with a
    score, or no weights any more.
    """
    if arm is not None and arm not in records.ARM_LABELS:
        raise ConfigError(f"--arm must be one of {', '.join(records.ARM_LABELS)}, but got {arm!r}")
    parts = parts_of(home, name)
    if len(parts) > 1:
        if missing := [part for part in parts if not (home / part / "ledger.jsonl").exists()]:
            raise ConfigError(
                f"all folds of study {name} must have been searched, but {', '.join(missing)} did not begin; go on "
                f"with `retina search {name}{again}`"
            )
        arm = arm or _best_arm(home, name, parts, again)
    siblings = [_winner(home, part, arm, again, needs=PREDICTIONS) for part in parts[1:]]
    return replace(_winner(home, parts[0], arm, again, needs=BEST), siblings=tuple(siblings))


def _winner(home: Path, name: str, arm: str | None, again: str, needs: str) -> Winner:
    """needs: the file without which a model is not taken."""
    folder, state = home / name, study_state(read_events(home / name / "ledger.jsonl")[0])
    if state.study is None:
        raise ConfigError(f"study {name} must exist, but there is none of that name; `retina status{again}` lists them")
    best = next(iter(ranked(r for r in state.trials.values() if arm in (None, r.arm))), None)
    if best is None:
        of_arm = f" of the arm {arm}" if arm else ""
        able = [one for one in records.ARM_LABELS if any(ranked(r for r in state.trials.values() if r.arm == one))]
        remedy = f"there are some of {', '.join(able)}" if able else f"go on with `retina search {name}{again}`"
        raise ConfigError(f"study {name} must have an ended trial{of_arm} with a score, but has none; {remedy}")
    ended = [record for record in state.confirms.values() if record.state == records.STATE_COMPLETE]
    repeats = {r.confirm["repeat"]: r for r in ended if r.confirm and r.confirm["trial"] == best.trial}
    for record in (*(repeats[number] for number in sorted(repeats)), best):
        files = folder / "checkpoints" / record.trial
        if (files / needs).exists():
            config = TrialConfig.model_validate(record.config)
            return Winner(name, state.study, best.trial, record, config, files)
    raise ConfigError(
        f"{needs} of trial {best.trial} of study {name} must be there, but has gone; `retina train --from-run "
        f"{name}/{best.trial} --out FOLDER{again}` makes it again, put it into checkpoints/{best.trial}"
    )


def _best_arm(home: Path, name: str, folds: list[str], again: str) -> str:
    """The arm whose winners have the highest mean on validation over all folds."""
    states = [study_state(read_events(home / fold / "ledger.jsonl")[0]) for fold in folds]
    means = {}
    for arm in records.ARM_LABELS:
        best = [next(iter(ranked(r for r in state.trials.values() if r.arm == arm)), None) for state in states]
        scores = [record.best_score() for record in best if record]
        if len(scores) == len(folds):
            means[arm] = sum(score for score in scores if score is not None) / len(scores)
    if not means:
        raise ConfigError(
            f"an arm of study {name} must have a trial with a score in each fold, but none has; "
            f"`retina status {name}{again}` says what failed"
        )
    return max(means, key=lambda arm: means[arm])


def photographs(home: Path, winner: Winner) -> Cache | None:
    """The cache with the photographs that the winner was trained on and measured with; None where it is gone."""
    config, digest = winner.config, winner.began["identity"]["data_digest"]
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
    try:
        table = pd.read_parquet(path)
        chances = table[[f"p{grade}" for grade in records.GRADES]].to_numpy(np.float64)
        if not (np.isfinite(chances).all() and table["grade"].isin(records.GRADES).all() and len(table)):
            raise ValueError("not all are probabilities of grades")
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path.name} of a trained model must hold its predictions, but does not: {error}") from None
    return table
