"""The recorded runs of one study as tables, and its predictions, which are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis import schema
from analysis.stats.metrics import Ints

ENDED = (schema.STATE_COMPLETE, schema.STATE_PRUNED)
"""States of a trial that has ended in order, so that its selected epoch is final."""

MOST_PROBABLE = "most_probable"
"""Value of the tag `decision`, also of a study without it; the other one is `median`."""

LAST_EPOCH = "last"
"""Value of the tag `select_epoch`; the other one is `best`, as in studies without the tag."""


@dataclass(frozen=True)
class StudyRuns:
    """All recorded runs of one study, or of all folds of one: then trial 0003 of the first fold is "1/0003".

    trials            one row for each trial: trial, run_id, fold, arm, state, reason, duplicate_of (the first trial
                      that differs in its seed alone, without its fold; "" for that itself), weights_digest, device,
                      threads, every hyperparameter (as number or bool where all values are), best_epoch,
                      best_val_<score>, images_seen, seconds, started (milliseconds since 1970), epochs_run; sorted by
                      trial; NaN or "" where it was not recorded
    epochs            one row for each trial and epoch: trial, epoch (from 1), every name of schema.EPOCH_METRICS
    predictions       trial -> table of PREDICTION_COLUMNS at the selected epoch; read from the store at each access
    confusions        trial -> (5, 5) counts at the selected epoch, rows = truth
    finalists         one row for each finalist, a trial again on another division of the training list: finalist,
                      run_id, arm, trial (whose configuration it repeats), seed_index (from 0), fold, state, reason,
                      seed, split_seed, best_epoch, best_val_<score>, images_seen, seconds, epochs_run; sorted by
                      finalist
    confirmations     one row for each confirmation: confirm, run_id, arm, trial (whose configuration it repeats),
                      seed_index (from 0), baseline (whether it is there as the arm's first trial), fold, state, reason,
                      seed, test_<score>, test_new_patients_<score>, images_seen, seconds, ended (milliseconds since
                      1970, when it had read the test split), epochs_run; sorted by confirm
    confirm_epochs    like epochs, with `confirm` instead of `trial`
    test_predictions  confirm -> table of TEST_COLUMNS (with `new_patients`); read from the store at each access
    test_confusions   confirm -> (5, 5) counts over the whole test split, rows = truth
    study             study.json of the parent run, {} when it is not there
    tags              tags of the parent run
    folds             number of outer folds that the study shall have; 0 for an ordinary study
    folds_begun       numbers of those that have begun
    explained         (PNG of a photograph beside its Grad-CAM, what is known of it): mistakes of the best model, which
                      `study.inference.worst_errors` makes for a report
    temperatures      confirm -> temperature that export would give its probabilities, fitted on validation
    """

    name: str
    trials: pd.DataFrame
    epochs: pd.DataFrame
    predictions: Mapping[str, pd.DataFrame]
    confusions: dict[str, Ints]
    finalists: pd.DataFrame
    confirmations: pd.DataFrame
    confirm_epochs: pd.DataFrame
    test_predictions: Mapping[str, pd.DataFrame]
    test_confusions: dict[str, Ints]
    study: dict[str, Any]
    tags: dict[str, str]
    hyperparameters: tuple[str, ...]
    folds: int = 0
    folds_begun: tuple[int, ...] = ()
    explained: tuple[tuple[bytes, dict[str, Any]], ...] = ()
    temperatures: Mapping[str, float] = field(default_factory=dict)

    @property
    def decision(self) -> str:
        """How every grade of the study is called (`metrics.called`)."""
        return self.tags.get(schema.TAG_DECISION) or MOST_PROBABLE

    @property
    def selection_split(self) -> str:
        """Split that epochs, trials and winners were chosen on: validation, or test."""
        return self.tags.get(schema.TAG_SELECTION_SPLIT) or "validation"

    @property
    def primary_endpoint(self) -> str:
        """The primary endpoint as the study recorded it when it began; "" in one that did not."""
        return self.tags.get(schema.TAG_PRIMARY_ENDPOINT, "")

    @property
    def added_after_reading(self) -> frozenset[str]:
        """Trials that were begun after the test split (of their fold) had been read for the first time."""
        read = self.confirmations[self.confirmations["confirm"].isin(list(self.test_confusions))]
        first = self.trials["fold"].map(read.groupby("fold")["ended"].min())
        return frozenset(self.trials.loc[self.trials["started"] > first, "trial"])

    @property
    def selects_last(self) -> bool:
        """Whether a trial's score is that of its last epoch, so that one that was stopped early has none."""
        return self.tags.get(schema.TAG_SELECT_EPOCH) == LAST_EPOCH


def objective(study: StudyRuns) -> str:
    """Score that selects epoch and trial: kappa or accuracy."""
    return study.tags.get(schema.TAG_OBJECTIVE) or "kappa"


class Predictions(Mapping[str, pd.DataFrame]):
    """Name -> checked table of predictions, read at each access: a thousand of them would fill the memory."""

    def __init__(self, names: tuple[str, ...], read: Callable[[str], pd.DataFrame | None]) -> None:
        self._names, self._read = dict.fromkeys(names), read

    def __getitem__(self, name: str) -> pd.DataFrame:
        table = self._read(name) if name in self._names else None
        if table is None:
            raise KeyError(name)
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
