"""`precision: auto` is settled once, before a study's first event, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.cluster.resources import Resources
from study.errors import ConfigError
from study.planning import precision
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.planning.precision import settled
from study.planning.resume_checks import write_study_file
from study.storage.events import encode, parse
from study.storage.gate.ledger_events import checked_event
from study.storage.state import StudyState
from tests.fixtures.study import small_data

FLAGS = {"image_size": 32, "epochs": 3, "trials": 4, "architecture": "resnet18", "pretrained": False}
CPU, GPU = Resources(2, 0.0, 1), Resources(2, 1.0, 1)


def _plan(folder: Path, name: str = "s", state: StudyState | None = None, **flags: Any) -> Plan:
    inputs = Inputs(data=small_data(folder / "data"), overrides={**FLAGS, **flags})
    return make_plan(name, folder / "home", state, inputs)


def _started(plan: Plan) -> StudyState:
    """The state after the first event, as it comes back from the ledger."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_study_file(plan)
    event = checked_event(parse(encode(plan.event(2))))
    return StudyState(event)  # type: ignore[arg-type]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """What this machine was asked; it says that it computes bf16 fast."""
    questions: list[tuple[bool, int]] = []
    monkeypatch.setattr(precision, "fast_bf16", lambda gpu, side: bool(questions.append((gpu, side))) or True)
    return questions


@pytest.mark.parametrize("said", [{}, {"precision": "auto"}])
@pytest.mark.parametrize("trial_resources, gpu", [(CPU, False), (GPU, True)])
def test_a_study_takes_what_this_machine_computes_fast(
    folder: Path, asked: list[tuple[bool, int]], said: dict[str, str], trial_resources: Resources, gpu: bool
) -> None:
    plan = settled(_plan(folder, **said), trial_resources, on_cluster=False)
    assert plan.config.fixed["precision"] == plan.identity()["fixed.precision"] == "bf16"
    assert plan.event(2).config["fixed"]["precision"] == "bf16"
    assert asked == [(gpu, 32)]


@pytest.mark.parametrize("said", [{"precision": "fp32"}, {"space": {"precision": ["fp32", "bf16"], "lr": [0.1, 0.2]}}])
def test_a_study_that_names_its_precision_keeps_it(
    folder: Path, asked: list[tuple[bool, int]], said: dict[str, Any]
) -> None:
    plan = _plan(folder, **said)
    assert settled(plan, CPU, on_cluster=False) is plan and not asked


@pytest.mark.parametrize("answer, expected", [(True, "bf16"), (False, "fp32")])
def test_on_a_cluster_its_nodes_say(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: list[tuple[bool, int]], answer: bool, expected: str
) -> None:
    monkeypatch.setattr("study.cluster.node_check.all_have_bf16", lambda trial_resources, side: answer)
    assert settled(_plan(folder), CPU, on_cluster=True).config.fixed["precision"] == expected
    assert not asked


def test_what_was_recorded_is_kept_whatever_the_machine_is_by_then(folder: Path, asked: list[tuple[bool, int]]) -> None:
    began = settled(_plan(folder), CPU, on_cluster=False)
    state = _started(began)
    asked.clear()
    for said in ({}, {"precision": "auto"}, {"precision": "bf16"}):
        again = settled(_plan(folder, state=state, **said), CPU, on_cluster=False)
        assert again.identity() == began.identity()
    assert not asked
    with pytest.raises(ConfigError, match="`fixed.precision` must stay what study s began with"):
        _plan(folder, state=state, precision="fp32")


def test_a_study_whose_ledger_names_no_precision_stays_in_fp32(folder: Path, asked: list[tuple[bool, int]]) -> None:
    state = _started(_plan(folder, "old"))
    assert "fixed.precision" not in state.study.identity
    again = settled(_plan(folder, "old", state), CPU, on_cluster=False)
    assert again.config.values("precision") == ("fp32",) and not asked
    assert again.identity() == state.study.identity


@pytest.mark.parametrize("on_cluster", [False, True])
def test_a_study_that_compiles_needs_a_compiler_on_its_machines(
    folder: Path, asked: list[tuple[bool, int]], monkeypatch: pytest.MonkeyPatch, on_cluster: bool
) -> None:
    def refused(trial_resources: Resources) -> None:
        raise ConfigError("no compiler there")

    monkeypatch.setattr("study.cluster.node_check.check_compilers", refused)
    monkeypatch.setattr(precision, "missing_compiler", lambda gpu: f"no compiler here, gpu={gpu}")
    plan = _plan(folder, compile="on")
    assert any(note.startswith("compile: on: each network's step is compiled first") for note in plan.notes)
    said = "no compiler there" if on_cluster else "no compiler here, gpu=True"
    for one in (plan, replace(plan, is_started=True)):
        with pytest.raises(ConfigError, match=said):
            settled(one, GPU, on_cluster=on_cluster)
    settled(_plan(folder, "off"), GPU, on_cluster=False)
    monkeypatch.setattr(precision, "missing_compiler", lambda gpu: "")
    assert settled(plan, GPU, on_cluster=False).config.fixed["compile"] == "on"
