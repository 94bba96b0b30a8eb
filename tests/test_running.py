import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis import records
from study import session
from study.ledger import Ledger, StudyState, study_state
from study.place import Place
from study.plan import Inputs, Plan, make_plan
from study.running import Compute, _closing, _need
from study.session import Search
from tests.study_fixture import end_event, epoch_event, small_data, study_event, trial_event


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("running")
    values: dict[str, Any] = {"image_size": 32, "architecture": "resnet18", "pretrained": False, "trials": 2}
    return make_plan("s", folder, StudyState(), Inputs(data=small_data(folder / "data"), overrides=values))


def _said(plan: Plan, closed: str, reason: str = "", flags: str = "") -> str:
    console = Console(file=io.StringIO(), width=200)
    state = study_state([study_event(), trial_event(0), epoch_event(0, 1, 0.5), end_event(0)])
    _closing(plan, Search(plan), state, closed, reason, Place(Path("runs"), "", None, flags, flags), console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_end_of_a_search_says_what_comes_next(plan: Plan) -> None:
    assert _said(plan, records.STATE_COMPLETE) == "study s: complete, 1 complete\nnext: retina confirm s\n"
    assert _said(plan, records.STATE_INTERRUPTED, "stopped by SIGINT").endswith(
        "(stopped by SIGINT)\ngo on with: retina search s\n"
    )


def test_a_study_chosen_on_the_test_part_has_no_confirmation_next(plan: Plan) -> None:
    lab = replace(plan, config=plan.config.model_copy(update={"select_on": "test"}))
    assert "next: retina report s" in _said(lab, records.STATE_COMPLETE)


def test_a_fold_is_called_by_the_whole_s_name_and_its_end_is_not_the_whole_s(plan: Plan) -> None:
    fold = replace(plan, name="s-fold2", config=plan.config.model_copy(update={"fold": "2/3"}))
    assert "next" not in _said(fold, records.STATE_COMPLETE)
    assert "go on with: retina search s\n" in _said(fold, records.STATE_FAILED)
    assert fold.event(1)["commands"] == ["retina search s --folds 3", "retina confirm s", "retina report s"]


def test_more_weights_that_are_kept_need_more_room(plan: Plan) -> None:
    assert _need(plan, replace(Search(plan), weights_kept=9), 1) > _need(plan, Search(plan), 1)


def test_the_command_that_goes_on_has_the_home_that_was_given(plan: Plan) -> None:
    assert "go on with: retina search s --home /data/runs\n" in _said(
        plan, records.STATE_FAILED, flags=" --home /data/runs"
    )
    assert "next: retina confirm s --home /data/runs\n" in _said(
        plan, records.STATE_COMPLETE, flags=" --home /data/runs"
    )


def test_a_study_whose_trials_all_failed_stays_failed_when_it_is_called_again(plan: Plan, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    plan = replace(plan, config=plan.config.model_copy(update={"trials": 1}))
    for event in (study_event(1), trial_event(0), end_event(0, records.STATE_FAILED, "loss is not finite")):
        ledger.append(event["event"], **{key: value for key, value in event.items() if key not in ("event", "time")})
    said = io.StringIO()
    here = Place(tmp_path, "", None)
    for _ in range(2):  # killed before its close, and then typed once more
        assert session._search(plan, ledger, here, Compute(), Console(file=said, width=200)) == 1
    closes = [event for event in ledger.events if event["event"] == "close"]
    assert [(event["state"], event["reason"]) for event in closes] == [(records.STATE_FAILED, "no trial has a score")]
    assert "has all its 1 trials, and no trial has a score" in said.getvalue()
    ledger.close()
