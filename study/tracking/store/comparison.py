"""MLflow's runs of a study beside its ledger: what is missing, behind, doubled, or not of it. The ledger is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis import schema
from study.storage.state import StudyState, TrialRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

NAMED_BY = {
    schema.KIND_TRIAL: schema.TAG_TRIAL,
    schema.KIND_FINALIST: schema.TAG_FINALIST,
    schema.KIND_CONFIRM: schema.TAG_CONFIRM,
}
"""Kind of a run -> tag that holds its name."""

FINAL = (schema.STATE_COMPLETE, schema.STATE_PRUNED, schema.STATE_FAILED)

MOST_NAMED = 8

Lacks = Callable[[str, str], bool]
"""(run, artifact) -> whether it is gone (`RunArtifacts.lacks`)."""


@dataclass
class HeldRuns:
    """Active runs of one study that MLflow holds: its own (`parent`), one for each name, and what is there twice."""

    parent: Run | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    doubled: list[Run] = field(default_factory=list)


@dataclass(frozen=True)
class Differences:
    """What differs from the ledger.

    missing: names that MLflow has no run of, "" is the study itself. behind: names whose run says less than the ledger,
    or lacks its artifacts. aside: runs that are there twice, say more than the ledger, are not of it or were forgotten.
    """

    missing: list[str]
    behind: list[str]
    aside: list[Run]

    def __bool__(self) -> bool:
        return bool(self.missing or self.behind or self.aside)

    def line(self, study: str) -> str:
        """What is said of it."""
        found = []
        if "" in self.missing:
            found.append("the study's own run was missing")
        if names := [name for name in self.missing if name]:
            found.append(f"{_listed(names)} {_were(names)} missing")
        if self.behind:
            found.append(f"{_listed(self.behind)} {_were(self.behind)} not whole")
        sent = [f"{' and '.join(found)}, and sent again from the ledger"] if found else []
        if self.aside:
            names = sorted({name_of(run) or "the study's own" for run in self.aside})
            sent.append(f"{len(self.aside)} run{'s' * (len(self.aside) > 1)} too many ({_listed(names)}) put aside")
        return f"MLflow was compared with the ledger of study {study}: {'; '.join(sent)}"


def name_of(run: Run) -> str:
    """Name of the trial, finalist or confirmation of a run; "" for a study's own and for any other."""
    return str(run.data.tags.get(NAMED_BY.get(run.data.tags.get(schema.TAG_KIND, ""), ""), ""))


def epochs_recorded(run: Run) -> int:
    """How many epochs MLflow has of a run."""
    text = run.data.tags.get(schema.TAG_EPOCHS_RECORDED, "0")
    return int(text) if text.isdecimal() else 0


def held_runs(found: Iterable[Run], study_id: str, kept: set[str]) -> HeldRuns:
    """Runs of the study among those of its experiment; kept: ids of runs that are written to, which stay of two."""
    held = HeldRuns()
    for run in sorted(found, key=lambda one: _worth(one, kept), reverse=True):
        if study_id and run.data.tags.get(schema.TAG_STUDY_ID, study_id) != study_id:
            continue  # another study's
        name = name_of(run)
        if run.data.tags.get(schema.TAG_KIND) == schema.KIND_STUDY:
            if held.parent is None:
                held.parent = run
            else:
                held.doubled.append(run)
        elif name and name not in held.runs:
            held.runs[name] = run
        elif name:
            held.doubled.append(run)
    return held


def compare(held: HeldRuns, state: StudyState, closed: str, lacks: Lacks) -> Differences:
    """What differs; closed: state in which the ledger was closed, or `interrupted`, if nobody writes it."""
    records = {name: record for name, record in state.runs().items() if not state.is_forgotten(record)}
    aside = [*held.doubled]
    aside += [run for name, run in held.runs.items() if name not in records or _says_more(run, records[name])]
    there = {name: run for name, run in held.runs.items() if run not in aside}
    missing = [name for name in records if name not in there]
    behind = [name for name, record in records.items() if name in there and not agrees(there[name], record, lacks)]
    if held.parent is None:
        missing.insert(0, "")
    elif not _ended(held.parent, closed) or lacks(held.parent.info.run_id, schema.ARTIFACT_STUDY):
        behind.append("its own run")
    return Differences(missing, behind, aside)


def agrees(run: Run, record: TrialRecord, lacks: Lacks) -> bool:
    """Whether a run says what the ledger says: state, number of epochs, and that its artifacts are there."""
    if not _ended(run, record.state) or epochs_recorded(run) != len(record.epochs):
        return False
    if record.end is None or not record.epochs:
        return True
    artifacts = [schema.ARTIFACT_CONFUSION, *([schema.ARTIFACT_TEST_CONFUSION] if record.test else [])]
    return not any(lacks(run.info.run_id, name) for name in artifacts)


def _ended(run: Run, state: str) -> bool:
    return run.data.tags.get(schema.TAG_STATE) == state and run.info.status == schema.MLFLOW_STATUS[state]


def _says_more(run: Run, record: TrialRecord) -> bool:
    """As after a ledger was restored from an older copy."""
    ended = run.data.tags.get(schema.TAG_STATE) in FINAL and run.info.status != schema.MLFLOW_STATUS["running"]
    return epochs_recorded(run) > len(record.epochs) or (ended and record.end is None)


def _worth(run: Run, kept: set[str]) -> tuple[bool, int, int]:
    """Which of two runs of one trial stays: the one that is written to, else the one that has more."""
    return run.info.run_id in kept, epochs_recorded(run), len(run.data.tags) + len(run.data.params)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _were(names: list[str]) -> str:
    return "were" if len(names) > 1 else "was"
