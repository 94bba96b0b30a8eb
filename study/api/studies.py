"""`study.load_study`: a study's trials and best configurations, read from its ledger alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import schema
from study.api.home import home_folder
from study.config.study import StudyConfig
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.storage.home import fold_studies, study_folders, study_name
from study.storage.lock import is_locked
from study.storage.ranking import winners
from study.storage.state import StudyState, TrialRecord, read_state
from study.workflows.summary import summary

STATES = {
    schema.STATE_COMPLETE: "COMPLETE",
    schema.STATE_PRUNED: "PRUNED",
    schema.STATE_FAILED: "FAIL",
    schema.STATE_RUNNING: "RUNNING",
    schema.STATE_INTERRUPTED: "INTERRUPTED",
}
"""A trial's state as Optuna calls it. Optuna has no word for a trial that goes on later."""


@dataclass(frozen=True)
class Study:
    """A study as its ledger had it when it was loaded; load it again to see what came since.

    Attributes:
        name: its name.
        folder: its folder in the home.
        config: what is searched, how, and with which budget.
        state: of its last call: "running", "complete", "interrupted", "failed".
    """

    name: str
    folder: Path
    config: StudyConfig
    state: str
    _records: StudyState

    def trials_dataframe(self) -> pd.DataFrame:
        """The trials of the search as a table with the columns of `optuna.Study.trials_dataframe`.

        Returns:
            A row for each trial: number, value (the objective's score; missing for a trial that was stopped early),
            datetime_start, datetime_complete, duration, params_* (the fields that are searched), user_attrs_arm,
            user_attrs_trial (its name in `retina train --reproduce STUDY/TRIAL`), user_attrs_epochs, state.

        Example:
            >>> table = load_study("idrid").trials_dataframe()
            >>> table.sort_values("value", ascending=False).head()
        """
        living = is_locked(self.folder)
        return pd.DataFrame(
            [self._row(record, living) for record in self._records.trials.values()], columns=self._columns()
        )

    def best_config(self, arm: str | None = None) -> TrialConfig:
        """The configuration that validation chose.

        Args:
            arm: such as "resnet18-pretrained"; without it the best arm.

        Returns:
            The configuration, with the seed of its trial.

        Raises:
            ConfigError: the study has no such arm, or no trial of it has a score yet.

        Example:
            >>> load_study("idrid").best_config("resnet18-scratch").lr
        """
        arms = {record.arm for record in self._records.trials.values()}
        if arm is not None and arm not in arms:
            raise ConfigError(f"arm must be one of study {self.name}, but got {arm!r}; it has {_listed(arms)}")
        best = winners(self._records, arm)
        if not best:
            raise ConfigError(f"a trial of study {self.name} must have a score, but none has yet; resume the search")
        return TrialConfig.model_validate(best[0].config)

    def _columns(self) -> list[str]:
        times, attributes = ("datetime_start", "datetime_complete", "duration"), ("arm", "trial", "epochs")
        params = (f"params_{name}" for name in sorted(self.config.space))
        return ["number", "value", *times, *params, *(f"user_attrs_{name}" for name in attributes), "state"]

    def _row(self, record: TrialRecord, living: bool) -> dict[str, Any]:
        started = datetime.fromtimestamp(record.started)
        ended = datetime.fromtimestamp(record.end.time) if record.end else None
        state = schema.STATE_RUNNING if living and not record.end else record.state
        return {
            "number": int(record.trial),
            "value": record.best_score(),
            "datetime_start": started,
            "datetime_complete": ended,
            "duration": ended - started if ended else None,
            **{f"params_{name}": record.config[name] for name in self.config.space},
            "user_attrs_arm": record.arm,
            "user_attrs_trial": record.trial,
            "user_attrs_epochs": len(record.epochs),
            "state": STATES[state],
        }


def load_study(name: str, *, home: Path | str | None = None) -> Study:
    """Load a study from its ledger: no Ray, no MLflow, also while it runs.

    Args:
        name: the study's name.
        home: folder that holds the studies; without it RETINA_HOME, or `runs/`.

    Returns:
        The study, with `state`, `config`, `trials_dataframe()` and `best_config(arm)`.

    Raises:
        ConfigError: there is no such study, or it consists of folds.
        LedgerError: its ledger is damaged.

    Example:
        >>> from study import load_study
        >>> load_study("idrid").best_config()
    """
    place = home_folder(home)
    folder = place / study_name(name)
    folds = fold_studies(place, name)
    if folds != [name]:
        raise ConfigError(f"study {name} consists of {len(folds)} folds; load one of them: {_listed(folds)}")
    records = read_state(folder)
    if records is None:
        known = [one.name for one in study_folders(place)]
        raise ConfigError(f"study {name} must exist in {place}, but there is: {_listed(known)}")
    config = StudyConfig.model_validate(records.study.config)
    return Study(name, folder, config, str(summary(folder)["state"]), records)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
