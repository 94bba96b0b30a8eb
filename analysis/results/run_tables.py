"""Recorded runs -> rows of tables, and the checks of what they hold; knows no MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import schema
from analysis.errors import RunsError

SELECTED = {
    "best_epoch": schema.BEST_EPOCH,
    **{name.replace("/", "_"): name for name in schema.BEST_METRICS},
    "images_seen": schema.IMAGES_SEEN,
    "seconds": schema.SECONDS,
}
"""Column of a trial or finalist -> the metric that is logged once."""

FIRST_PARAMS = ("architecture", "pretrained", "lr", "batch_size", "imbalance")


@dataclass(frozen=True)
class Record:
    """One recorded run: its number, where its files are, what stands in it; fold 0 in a study without folds; when it
    was started and ended, in milliseconds since 1970."""

    run_id: str
    place: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    fold: int = 0
    started: float = float("nan")
    ended: float = float("nan")


def by_name(found: Iterable[Record], kind: str, tag: str, study: str) -> dict[str, Record]:
    """Name -> its run, sorted; in a study of folds "1/0003" is trial 0003 of the first.

    Only runs of that kind, named by `tag`. Raises RunsError for a missing or doubled name or an unknown arm.
    """
    named: dict[str, Record] = {}
    for one in found:
        if one.tags.get(schema.TAG_KIND) != kind:
            continue
        own = one.tags.get(tag, "")
        name = with_fold(own, one.fold)
        if not own or name in named:
            what = f"run {named[name].run_id} has it too" if own else "it is missing"
            raise RunsError(
                f"the tag `{tag}` must be there once for each run, but for {tag}={own!r} of run {one.run_id} "
                f"({study}) {what}; delete the run that is too many in MLflow"
            )
        if one.tags.get(schema.TAG_ARM) not in schema.ARM_LABELS:
            raise RunsError(
                f"the tag `arm` must be one of {', '.join(schema.ARM_LABELS)}, but {kind} {own} of {study} has "
                f"{one.tags.get(schema.TAG_ARM)!r}; correct the tag in MLflow"
            )
        named[name] = one
    return dict(sorted(named.items()))


def with_fold(name: str, fold: int) -> str:
    """Name of a trial or confirmation among those of all folds."""
    return f"{fold}/{name}" if fold else name


def epoch_table(key: str, values: Iterable[tuple[str, int, str, float]]) -> pd.DataFrame:
    """One row for each run and epoch: `key` (the run's name), epoch, every name of schema.EPOCH_METRICS.

    values: (name, epoch, metric, value); of several for one place the last one counts.
    """
    long = pd.DataFrame(values, columns=[key, "epoch", "metric", "value"])
    last = long.drop_duplicates([key, "epoch", "metric"], keep="last")
    table = last.pivot(index=[key, "epoch"], columns="metric", values="value").reset_index()
    return table.reindex(columns=[key, "epoch", *schema.EPOCH_METRICS]).rename_axis(columns=None)


def trial_table(trials: Mapping[str, Record], epochs: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Table of trials and the names of its hyperparameters, the five searched axes first."""
    named = {key for one in trials.values() for key in one.params}
    params = (*(name for name in FIRST_PARAMS if name in named), *sorted(named.difference(FIRST_PARAMS)))
    plain = {
        "arm": schema.TAG_ARM,
        "state": schema.TAG_STATE,
        "reason": schema.TAG_REASON,
        "duplicate_of": schema.TAG_DUPLICATE_OF,
        "weights_digest": schema.TAG_WEIGHTS,
        "device": schema.TAG_DEVICE,
        "threads": schema.TAG_THREADS,
    }
    rows = [
        {"trial": trial, "run_id": one.run_id, "fold": one.fold}
        | {column: one.tags.get(tag, "") for column, tag in plain.items()}
        | {name: one.params.get(name, "") for name in params}
        | {column: one.metrics.get(metric, float("nan")) for column, metric in SELECTED.items()}
        | {"started": one.started}
        for trial, one in trials.items()
    ]
    table = pd.DataFrame(rows, columns=["trial", "run_id", "fold", *plain, *params, *SELECTED, "started"])
    for name in params:
        table[name] = _typed(table[name])
    return _with_epochs_run(table, "trial", epochs), params


def confirmation_table(confirmations: Mapping[str, Record], epochs: pd.DataFrame) -> pd.DataFrame:
    """One row for each confirmation; a score is NaN where the test split was not read yet, or it is undefined."""
    metrics = {name.replace("/", "_"): name for name in (*schema.TEST_METRICS, *schema.NEW_PATIENTS_METRICS)}
    metrics |= {"images_seen": schema.IMAGES_SEEN, "seconds": schema.SECONDS}
    plain = {"state": schema.TAG_STATE, "reason": schema.TAG_REASON, "seed": schema.TAG_SEED}
    rows = [
        {"confirm": name, "run_id": one.run_id, "arm": one.tags[schema.TAG_ARM]}
        | {"trial": with_fold(one.tags.get(schema.TAG_CONFIRMED_TRIAL, ""), one.fold), "fold": one.fold}
        | {"seed_index": _whole_number(one, schema.TAG_SEED_INDEX)}
        | {"baseline": one.tags.get(schema.TAG_BASELINE) == "True"}
        | {column: one.tags.get(tag, "") for column, tag in plain.items()}
        | {column: one.metrics.get(metric, float("nan")) for column, metric in metrics.items()}
        | {"ended": one.ended}
        for name, one in confirmations.items()
    ]
    columns = ["confirm", "run_id", "arm", "trial", "seed_index", "baseline", "fold", *plain, *metrics, "ended"]
    table = pd.DataFrame(rows, columns=columns).astype({"baseline": bool})
    return _with_epochs_run(table, "confirm", epochs)


def finalist_table(finalists: Mapping[str, Record], epochs: pd.DataFrame) -> pd.DataFrame:
    """One row for each finalist; best_epoch and scores are NaN where it has not run all its epochs."""
    plain = {"state": schema.TAG_STATE, "reason": schema.TAG_REASON, "seed": schema.TAG_SEED}
    plain |= {"split_seed": schema.TAG_SPLIT_SEED}
    rows = [
        {"finalist": name, "run_id": one.run_id, "arm": one.tags[schema.TAG_ARM]}
        | {"trial": with_fold(one.tags.get(schema.TAG_CONFIRMED_TRIAL, ""), one.fold), "fold": one.fold}
        | {"seed_index": _whole_number(one, schema.TAG_SEED_INDEX)}
        | {"baseline": one.tags.get(schema.TAG_BASELINE) == "True"}
        | {column: one.tags.get(tag, "") for column, tag in plain.items()}
        | {column: one.metrics.get(metric, float("nan")) for column, metric in SELECTED.items()}
        for name, one in finalists.items()
    ]
    columns = ["finalist", "run_id", "arm", "trial", "seed_index", "baseline", "fold", *plain, *SELECTED]
    table = pd.DataFrame(rows, columns=columns).astype({"baseline": bool})
    return _with_epochs_run(table, "finalist", epochs)


def _whole_number(one: Record, tag: str) -> int:
    text = one.tags.get(tag, "")
    if not text.isdecimal():
        raise RunsError(
            f"the tag `{tag}` must be a whole number, but got {text!r} in run {one.run_id}; correct the tag in MLflow"
        )
    return int(text)


def _with_epochs_run(table: pd.DataFrame, key: str, epochs: pd.DataFrame) -> pd.DataFrame:
    ran = epochs.groupby(key)["epoch"].max() if len(epochs) else pd.Series(dtype="int64")
    return table.assign(epochs_run=table[key].map(ran).fillna(0).astype("int64"))


def _typed(texts: pd.Series) -> pd.Series:
    """The same values as bool or number where all of them are one, else as they are."""
    if len(texts) and texts.isin(["True", "False"]).all():
        return texts == "True"
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts if numbers.isna().any() or not len(texts) else numbers


def joined_study(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """One study.json of all folds: what was spent and read is summed, the rest is that of the first that has it."""
    merged: dict[str, Any] = {}
    for one in folds:
        merged = one | merged
    budget: dict[str, dict[str, float]] = {}
    for one in folds:
        for arm, spent in one.get("budget", {}).items():
            arm_budget = budget.setdefault(arm, {})
            for name, value in spent.items():
                arm_budget[name] = arm_budget.get(name, 0) + value
    if budget:
        merged["budget"] = budget
    if tests := [one["test"] for one in folds if one.get("test")]:
        merged["test"] = tests[0] | {
            key: sum(one.get(key) or 0 for one in tests)
            for key in ("n", "n_new_patients", "reads")
            if tests[0].get(key) is not None  # n_new_patients is not known before the first reading
        }
    if forgotten := [trial for one in folds for trial in one.get("forgotten", [])]:
        merged["forgotten"] = forgotten
    if commands := list(dict.fromkeys(line for one in folds for line in one.get("commands", []))):
        merged["commands"] = commands
    return merged


def joined_tags(folds: list[Mapping[str, str]]) -> dict[str, str]:
    """Tags of the first fold; readings of the test splits are summed, a state that all share is the state."""
    states = {tags.get(schema.TAG_STATE, "") for tags in folds}
    reads = sum(int(tags.get(schema.TAG_TEST_EVALUATIONS) or 0) for tags in folds)
    shared = states.pop() if len(states) == 1 else schema.STATE_INTERRUPTED
    return {**folds[0], schema.TAG_TEST_EVALUATIONS: str(reads), schema.TAG_STATE: shared}
