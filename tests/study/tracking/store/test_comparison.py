"""What differs between MLflow's runs and the ledger, without MLflow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from mlflow.entities import Run, RunData, RunInfo, RunTag

from analysis import schema
from study.storage.events import Event, TrialForgotten
from study.storage.state import StudyState, study_state
from study.tracking.store.comparison import compare, held_runs
from tests.fixtures.study import close_event, end_event, epoch_event, study_event, trial_event

ID = "a" * 32
EVENTS: list[Event] = [
    study_event(),
    *(trial_event(0), epoch_event(0, 1, 0.3), epoch_event(0, 2, 0.4), end_event(0)),
    *(trial_event(1), epoch_event(1, 1, 0.1), end_event(1, "failed")),
    close_event(),
]


def run(key: str, kind: str, state: str = "complete", epochs: int = 0, study_id: str = ID, name: str = "") -> Run:
    tags = {schema.TAG_KIND: kind, schema.TAG_STATE: state, schema.TAG_STUDY_ID: study_id}
    tags |= {schema.TAG_EPOCHS_RECORDED: str(epochs)} if epochs else {}
    tags |= {schema.TAG_TRIAL: name or key} if kind == "trial" else {}
    info = RunInfo(key, "1", "", schema.MLFLOW_STATUS[state], 0, 0, "active")
    return Run(info, RunData(tags=[RunTag(*pair) for pair in tags.items()]))


PARENT, FIRST, SECOND = run("p", "study"), run("0000", "trial", epochs=2), run("0001", "trial", "failed", epochs=1)


def state_of(*more: Event) -> StudyState:
    return study_state([*EVENTS[:-1], *more])


@pytest.mark.parametrize(
    ("found", "lost", "missing", "behind", "aside"),
    [
        ([PARENT, FIRST, SECOND], "", [], [], []),
        ([PARENT, SECOND], "", ["0000"], [], []),
        ([FIRST, SECOND], "", [""], [], []),
        ([], "", ["", "0000", "0001"], [], []),
        ([PARENT, FIRST, run("0001", "trial", "failed")], "", [], ["0001"], []),
        ([PARENT, run("0000", "trial", "running", 1), SECOND], "", [], ["0000"], []),
        ([PARENT, FIRST, run("0001", "trial", epochs=1)], "", [], ["0001"], []),
        ([PARENT, FIRST, SECOND], "0000", [], ["0000"], []),
        ([PARENT, FIRST, SECOND], "p", [], ["its own run"], []),
        ([PARENT, FIRST, SECOND, run("x", "trial", "running", 1, name="0000")], "", [], [], ["x"]),
        ([PARENT, FIRST, SECOND, run("x", "study", "running")], "", [], [], ["x"]),
        ([PARENT, FIRST, SECOND, run("x", "trial", epochs=2, name="0009")], "", [], [], ["x"]),
        ([PARENT, run("x", "trial", epochs=3, name="0000"), SECOND], "", ["0000"], [], ["x"]),
        ([PARENT, FIRST, SECOND, run("x", "trial", epochs=3, name="0000", study_id="b" * 32)], "", [], [], []),
    ],
)  # fmt: skip
def test_compare(found: list[Run], lost: str, missing: list[str], behind: list[str], aside: list[str]) -> None:
    """lost: a run whose artifacts are gone."""
    differences = compare(held_runs(found, ID, set()), state_of(), "complete", lambda run, artifact: run == lost)
    assert (differences.missing, differences.behind) == (missing, behind)
    assert [one.info.run_id for one in differences.aside] == aside
    assert bool(differences) == bool(missing or behind or aside)


def test_a_forgotten_trial_is_put_aside_and_not_missed() -> None:
    state = state_of(TrialForgotten(trial="0000"))
    held = held_runs([PARENT, FIRST, SECOND], ID, set())
    assert [one.info.run_id for one in compare(held, state, "complete", lambda *_: False).aside] == ["0000"]
    held = held_runs([PARENT, SECOND], ID, set())
    assert not compare(held, state, "complete", lambda *_: False)


def test_of_two_runs_the_one_that_is_written_to_stays() -> None:
    twin = replace_key(FIRST, "x")
    assert held_runs([PARENT, FIRST, twin], ID, {"x"}).runs["0000"].info.run_id == "x"


def replace_key(one: Run, key: str) -> Run:
    return run(key, "trial", epochs=2, name=one.data.tags[schema.TAG_TRIAL])


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([PARENT, SECOND], "0000 was missing, and sent again from the ledger"),
        ([], "the study's own run was missing and 0000, 0001 were missing, and sent again from the ledger"),
        ([PARENT, FIRST, SECOND, run("x", "trial", epochs=2, name="0009")], "1 run too many (0009) put aside"),
        ([PARENT, FIRST, run("0001", "trial", "failed")], "0001 was not whole, and sent again from the ledger"),
    ],
)
def test_what_is_said(found: list[Run], line: str) -> None:
    said = compare(held_runs(found, ID, set()), state_of(), "complete", lambda *_: False).line("s")
    assert said == f"MLflow was compared with the ledger of study s: {line}"


def test_ledger_of_another_id_has_none_of_the_runs() -> None:
    assert held_runs([PARENT, FIRST], "b" * 32, set()).parent is None
    other: Any = replace(study_event(), id="b" * 32)
    assert compare(held_runs([PARENT], "b" * 32, set()), study_state([other]), "interrupted", lambda *_: False).missing
