import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis import schema
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan, needed_by
from study.storage.events import StudyClosed
from study.storage.home import Home
from study.storage.ledger import Ledger
from study.storage.state import study_state
from study.tuning.interruption import Stop
from study.workflows import search
from study.workflows.running.compute import Compute
from study.workflows.running.run import SIGNAL_CLOSE_SECONDS, _closing, _send_rest, run
from study.workflows.search import Search
from tests.fixtures.study import end_event, epoch_event, small_data, study_event, trial_event


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("running")
    values: dict[str, Any] = {"image_size": 32, "architecture": "resnet18", "pretrained": False, "trials": 2}
    return make_plan("s", folder, None, Inputs(data=small_data(folder / "data"), overrides=values))


def _said(caplog: pytest.LogCaptureFixture, plan: Plan, closed: str, reason: str = "", flags: str = "") -> str:
    caplog.clear()
    state = study_state([study_event(), trial_event(0), epoch_event(0, 1, 0.5), end_event(0)])
    _closing(plan, Search(plan), state, closed, reason, Home(Path("runs"), "", None, flags, flags))
    return "".join(f"{line}\n" for line in caplog.messages)


def test_the_end_of_a_search_says_what_comes_next(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    assert _said(caplog, plan, schema.STATE_COMPLETE) == "study s: complete, 1 complete\nnext: retina confirm s\n"
    assert _said(caplog, plan, schema.STATE_INTERRUPTED, "stopped by SIGINT").endswith(
        "(stopped by SIGINT)\ngo on with: retina search s\n"
    )


def test_a_study_chosen_on_the_test_part_has_no_confirmation_next(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    lab = replace(plan, config=plan.config.model_copy(update={"select_on": "test"}))
    assert "next: retina report s" in _said(caplog, lab, schema.STATE_COMPLETE)


def test_a_fold_is_called_by_its_parent_s_name(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    fold = replace(plan, name="s-fold2", config=plan.config.model_copy(update={"fold": "2/3"}))
    assert "next" not in _said(caplog, fold, schema.STATE_COMPLETE)
    assert "go on with: retina search s\n" in _said(caplog, fold, schema.STATE_FAILED)
    assert fold.event(1).commands == ["retina search s --folds 3", "retina confirm s", "retina report s"]


def test_more_weights_that_are_kept_need_more_room(plan: Plan) -> None:
    assert needed_by(plan, 1, 9) > needed_by(plan, 1, Search(plan).n_best_weights)


def test_the_command_that_goes_on_has_the_home_that_was_given(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    assert "go on with: retina search s --home /data/runs\n" in _said(
        caplog, plan, schema.STATE_FAILED, flags=" --home /data/runs"
    )
    assert "next: retina confirm s --home /data/runs\n" in _said(
        caplog, plan, schema.STATE_COMPLETE, flags=" --home /data/runs"
    )


def test_a_study_whose_trials_all_failed_stays_failed_when_it_is_called_again(
    plan: Plan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    plan = replace(plan, config=plan.config.model_copy(update={"trials": 1}))
    for event in (study_event(1), trial_event(0), end_event(0, schema.STATE_FAILED, "loss is not finite")):
        ledger.append(event)
    here = Home(tmp_path, "", None)
    for _ in range(2):  # killed before its close, and then typed once more
        assert search._search(plan, ledger, here, Compute()) == 1
    closes = [event for event in ledger.events if isinstance(event, StudyClosed)]
    assert [(event.state, event.reason) for event in closes] == [(schema.STATE_FAILED, "no trial has a score")]
    assert "has all its 1 trials, and no trial has a score" in caplog.text
    ledger.close()


def test_what_comes_before_the_search_takes_of_the_time_budget(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning, Ray's start and its nodes' checks: what is left of the budget is the search's."""
    stops: list[Stop] = []

    @contextmanager
    def slow_cluster(*_: Any) -> Iterator[list[dict[str, float]]]:
        time.sleep(0.3)
        yield [{"CPU": 1.0}]

    def search(*arguments: Any) -> str:
        stops.extend(value for value in arguments if isinstance(value, Stop))
        return schema.STATE_INTERRUPTED

    tracking = SimpleNamespace(study_id="", apply=lambda event: False)
    monkeypatch.setattr("study.cluster.ray_cluster.cluster", slow_cluster)
    monkeypatch.setattr("study.cluster.ray_cluster.head_places", dict)
    monkeypatch.setattr("study.tracking.sync.open_tracking", lambda *_: tracking)
    monkeypatch.setattr("study.tuning.ray_tune.run_search", search)
    plan = replace(plan, home=tmp_path)
    plan.folder.mkdir(parents=True)
    ledger, compute = Ledger(plan.folder / "ledger.jsonl"), Compute(time_budget=0.2)
    here = Home(tmp_path, "sqlite://", None)
    assert run(plan, Search, ledger, here, compute) == 0
    ledger.close()
    [stop] = stops
    assert stop.deadline == compute.deadline and stop.out_of_time()


@pytest.mark.parametrize(
    ("last_error", "refused", "said"),
    [
        ("", "", "MLflow is still taking what it lacked; `retina status` sends the rest later"),
        ("Timeout: x", "", "MLflow did not answer (Timeout: x); `retina status` sends the rest later"),
        (
            "",
            "it refuses what is sent (403)",
            "MLflow did not take 2 events of study s (it refuses what is sent (403)); the ledger has them: mend that, "
            "then `retina status s --sync --home h`",
        ),
    ],
)
def test_what_mlflow_does_not_have_yet_is_told_with_what_is_true(
    plan: Plan, tmp_path: Path, last_error: str, refused: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed: Any = SimpleNamespace(last_error=last_error, refused=refused, unsent=2, close=lambda seconds, at_most: False)
    here = Home(tmp_path, "sqlite://", None, " --home h")
    with closing(Ledger(tmp_path / "ledger.jsonl")) as ledger:
        assert _send_rest(plan, ledger, feed, here, SIGNAL_CLOSE_SECONDS) is not bool(refused)
    assert caplog.messages == [said]
