import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis import schema
from analysis.results.mlflow_reader import read_study
from retina_data.layouts.dataset import read_index
from retina_models.resnet import resnet18
from retina_models.weights import save_weights
from study.errors import ConfigError
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.planning.resume_checks import write_study_file
from study.storage.home import Home
from study.storage.ledger import Ledger, read_events
from study.storage.state import StudyState, read_state, study_state
from study.training.data import prepare_data
from study.workflows.running.compute import Compute
from study.workflows.running.nested_cv import each_fold, search_folds, settled_folds
from tests.fixtures.command import refused, run
from tests.fixtures.study import end_event, epoch_event, small_data, study_event, trial_event

SMALL = ["--trials", "2", "--epochs", "2", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained"]


def _begin(home: Path, name: str, fold: str = "") -> None:
    event = study_event()
    (home / name).mkdir(parents=True)
    ledger = Ledger(home / name / "ledger.jsonl")
    ledger.append(replace(event, config={**event.config, "fold": fold}))
    ledger.close()


def _without_test_part(data: Path, to: Path) -> Path:
    """A data set that names no test split (Kaggle's layout)."""
    small_data(data)
    shutil.copytree(data / "images", to / "images")
    lines = ["image,level"]
    for part in ("train", "test"):
        grades = (data / f"{part}_label.csv").read_text().split()
        names = (data / f"{part}_img.csv").read_text().split()
        lines += [f"{name},{grade}" for name, grade in zip(names, grades, strict=True)]
    (to / "trainLabels.csv").write_text("\n".join(lines) + "\n")
    return to


def test_each_image_is_tested_in_one_fold_and_no_patient_stands_on_two_sides(tmp_path: Path) -> None:
    dataset = read_index(_without_test_part(tmp_path / "lab", tmp_path / "data"))
    folds = [
        prepare_data(
            dataset, tmp_path, image_size=32, crop="fov",
            val_fraction=0.2, seed=0, select_on="validation", fold=f"{number}/3",
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    tested = pd.concat([fold.test_table() for fold in folds])
    assert sorted(tested["row"]) == list(range(len(dataset.table)))
    assert tested["new_patients"].all()
    for fold in folds:
        assert set(fold.splits) == {"train", "val", "test"}
        assert (fold.splits.groupby(fold.cache.table["group"]).nunique() == 1).all()
    assert len({fold.split_digest for fold in folds}) == 3


def test_the_number_of_folds_stays_what_it_was(tmp_path: Path) -> None:
    _begin(tmp_path, "plain")
    _begin(tmp_path, "whole-fold1", "1/4")
    assert settled_folds(tmp_path, "plain", None) == settled_folds(tmp_path, "new", None) == 0
    assert settled_folds(tmp_path, "new", 5) == 5
    assert settled_folds(tmp_path, "whole", None) == settled_folds(tmp_path, "whole", 4) == 4
    with pytest.raises(ConfigError, match="begun with --folds 4, but got --folds 5"):
        settled_folds(tmp_path, "whole", 5)
    with pytest.raises(ConfigError, match="begun without --folds, but got --folds 4"):
        settled_folds(tmp_path, "plain", 4)
    with pytest.raises(ConfigError, match="`2 <= folds <= 100` must hold, but got folds=1"):
        settled_folds(tmp_path, "new", 1)
    with pytest.raises(ConfigError, match="study's name must be up to 64"):
        settled_folds(tmp_path, "x" * 60, 2)


def test_folds_run_one_after_the_other_until_one_has_not_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[tuple[str, bool]] = []
    ended = {"1/3": True, "2/3": False, "3/3": True}

    def call(part: str, rest: Compute) -> int:
        assert rest.time_budget is not None
        called.append((part, 0 < rest.time_budget <= 60))
        _begin(tmp_path, part, f"{'abc'.index(part) + 1}/3")
        return 0

    def over(state: StudyState) -> bool:
        return state.study is not None and ended[state.study.config["fold"]]

    code = each_fold(["a", "b", "c"], tmp_path, Compute(time_budget=60), call, over, ("GO ON", "NEXT"))
    assert (code, called) == (0, [("a", True), ("b", True)])
    assert "1 of 3 folds are done; go on with: GO ON" in caplog.messages


def test_a_fold_that_has_ended_without_a_score_does_not_keep_the_others_from_running(tmp_path: Path) -> None:
    codes = {"a": 0, "b": 1, "c": 0}

    def call(part: str, rest: Compute) -> int:
        _begin(tmp_path, part, f"{'abc'.index(part) + 1}/3")
        return codes[part]

    assert each_fold([*codes], tmp_path, Compute(), call, lambda s: bool(s.study), ("", "")) == 1
    assert (tmp_path / "c").exists()


def test_a_time_budget_that_is_used_up_begins_no_other_fold(tmp_path: Path) -> None:
    def call(part: str, rest: Compute) -> int:
        time.sleep(0.02)
        _begin(tmp_path, part, f"{'abc'.index(part) + 1}/3")
        return 0

    assert each_fold(["a", "b"], tmp_path, Compute(time_budget=0.01), call, lambda s: bool(s.study), ("", "")) == 0
    assert not (tmp_path / "b").exists()


def _keep(plan: Plan) -> StudyState:
    """Begin a study as `study.workflows.running.run` does."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.keep_weights()
    write_study_file(plan)
    ledger = Ledger(plan.folder / "ledger.jsonl")
    ledger.append(plan.event(1))
    ledger.close()
    state = read_state(plan.folder)
    assert state is not None
    return state


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and weights of ResNet18."""
    folder = tmp_path_factory.mktemp("folds")
    _without_test_part(folder / "lab", folder / "data")
    save_weights(folder / "w.safetensors", resnet18(seed=1).state_dict(), {})
    return folder


def test_a_later_fold_is_searched_as_the_first_was(whole: Path, tmp_path: Path) -> None:
    home, weights = tmp_path / "home", Path(shutil.copy(whole / "w.safetensors", tmp_path))
    values = {"image_size": 32, "architecture": "resnet18", "trials": 4, "weights": {"resnet18": str(weights)}}
    first = make_plan("s-fold1", home, None, Inputs(data=whole / "data", overrides={**values, "fold": "1/3"}))
    _keep(first)
    weights.unlink()
    second = make_plan("s-fold2", home, None, Inputs(template="s-fold1", overrides={"fold": "2/3"}))
    assert (second.config.trials, list(second.groups)) == (4, list(first.groups))
    assert second.weights["resnet18"]["digest"] == first.weights["resnet18"]["digest"]
    tested = [set(plan.prepared.test_table()["row"]) for plan in (first, second)]
    assert not tested[0] & tested[1]
    for flag, value in (("seed", 1), ("lr", 0.5)):
        with pytest.raises(ConfigError, match=f"{flag}` must stay what study s began with"):
            make_plan("s-fold2", home, None, Inputs(template="s-fold1", overrides={"fold": "2/3", flag: value}))


def test_a_later_fold_that_has_begun_grows_as_the_first_did(whole: Path, tmp_path: Path) -> None:
    """`--trials 2 --add-arm ...`, interrupted in the first fold: the plain command goes on with all of them."""
    home, weights = tmp_path / "home", Path(shutil.copy(whole / "w.safetensors", tmp_path))
    small = {"image_size": 32, "architecture": "resnet18", "trials": 1, "fold": "1/2"}
    started = _keep(make_plan("s-fold1", home, None, Inputs(data=whole / "data", overrides=small)))
    template = Inputs(template="s-fold1", overrides={"fold": "2/2"})
    second = _keep(make_plan("s-fold2", home, None, template))
    assert make_plan("s-fold2", home, second, template).config.trials == 1
    more = {"trials": 2, "weights": {"resnet18": str(weights)}, "fold": "1/2"}
    grown = Inputs(overrides=more, add_arms=("resnet18-pretrained",))
    _keep(make_plan("s-fold1", home, started, grown))
    weights.unlink()
    plan = make_plan("s-fold2", home, second, template)
    assert (plan.config.trials, list(plan.groups)) == (2, ["resnet18-scratch", "resnet18-pretrained"])
    assert plan.weights["resnet18"]["name"] == "w.safetensors"
    grown_too = _keep(plan)
    again = make_plan("s-fold2", home, grown_too, template)
    assert (again.config.trials, list(again.groups)) == (2, list(plan.groups))
    assert make_plan("s-fold2", home, grown_too, Inputs(template="s-fold1", overrides={"trials": 3})).config.trials == 3


def _searched(
    whole: Path,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    code: int = 0,
    dry: bool = False,
    measured: Any = None,
) -> str:
    """What search_folds says of two folds of one trial, where each search ends at once with `code`."""

    def one(name: str, here: Home, inputs: Inputs, compute: Compute, *, dry: bool = False) -> int:
        if not dry:
            state = _keep(make_plan(name, home, read_state(home / name), inputs))
            ledger = Ledger(home / name / "ledger.jsonl")
            end = end_event(0, "failed" if code else "complete")
            for event in () if state.trials else (trial_event(0, epochs=1), epoch_event(0, 1, 0.5), end):
                ledger.append(event)
            ledger.close()
        return code

    monkeypatch.setattr("study.workflows.running.dry_run.measured_now", measured)
    here = Home(home, f"sqlite:///{home / 'mlflow.db'}", None, " --home X", " --home X --cpus-per-trial 1")
    inputs = Inputs(
        data=whole / "data",
        overrides={"image_size": 32, "architecture": "resnet18", "pretrained": False, "trials": 1, "epochs": 2},
    )
    caplog.clear()
    assert search_folds("s", 2, here, inputs, Compute(), one, dry=dry) == code
    return "".join(f"{line}\n" for line in caplog.messages)


def test_seconds_are_said_before_a_search_over_folds_starts(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    head = "s: 2 folds x 1 trials x at most 2 epochs = 4 epochs"
    measured: list[str] = []

    def now(plan: Plan, trial_resources: object) -> tuple[float, str]:
        measured.append(plan.name)
        return 30.0, "HOW"

    said = _searched(whole, tmp_path / "dry", caplog, monkeypatch, dry=True, measured=now)
    assert f"{head}; how long one takes is measured by --dry-run" in said and not measured
    said = _searched(whole, tmp_path, caplog, monkeypatch, measured=now)
    assert f"{head} x 30 s (HOW); about 00:02:00 with one trial at a time\n" in said
    assert measured == ["s-fold1"]
    said = _searched(whole, tmp_path, caplog, monkeypatch, measured=now)  # it knows its epochs by now
    assert f"{head} x 0.5 s; about" in said and len(measured) == 1
    said = _searched(whole, tmp_path / "not", caplog, monkeypatch, measured=lambda *_: (0.0, "WHY"))
    assert f"{head}; how long one takes is not known (WHY)" in said


def test_folds_without_a_score_are_not_followed_by_a_confirmation(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    measured = lambda *_: (1.0, "")  # noqa: E731
    said = _searched(whole, tmp_path, caplog, monkeypatch, code=1, measured=measured)
    assert "all 2 folds have ended, but s-fold1 without a score: `retina status s-fold1 --home X` names the" in said
    assert "retina confirm" not in said and "go on with" not in said
    said = _searched(whole, tmp_path / "good", caplog, monkeypatch, measured=measured)
    assert "all 2 folds are done; next: retina confirm s --home X" in said


def test_a_data_set_with_a_test_part_of_its_own_is_refused(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    said = refused(tmp_path / "home", "search", "s", "--data", str(data), "--folds", "3", *SMALL)
    assert "the layout lab names a test split" in said
    assert "--layout" in said


@pytest.mark.slow
def test_a_search_over_folds_is_killed_goes_on_is_confirmed_and_read_as_one(tmp_path: Path) -> None:
    data, home = _without_test_part(tmp_path / "lab", tmp_path / "data"), tmp_path / "home"
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(home)}

    def retina(*arguments: str) -> str:
        done = run(environment, *arguments, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    begin = [sys.executable, "-m", "study", "search", "s", "--folds", "2", "--data", str(data), *SMALL]
    with (tmp_path / "log").open("w") as log:
        killed = subprocess.Popen(begin, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 180
        while not any(e.kind == "epoch" for e in read_events(home / "s-fold2" / "ledger.jsonl")[0]):
            assert killed.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    said = (tmp_path / "log").read_text()
    assert (
        "2 folds x 2 trials x at most 2 epochs = 8 epochs x " in said and "measured now on at most 128 images" in said
    )
    assert "all 2 folds are done; next: retina confirm s" in retina("search", "s")
    assert "all 2 folds are done; next: retina report s" in retina("confirm", "s", "--seeds", "1")
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    for fold in (1, 2):
        name = schema.fold_name("s", fold)
        state = study_state(read_events(home / name / "ledger.jsonl")[0])
        assert sorted(state.trials) == ["0000", "0001"]
        assert [read.n for read in state.test_evaluations] == [state.study.splits["test"]]
        runs = client.search_runs([client.get_experiment_by_name(name).experiment_id])
        parent = next(run for run in runs if run.data.tags["kind"] == "study")
        assert (parent.data.tags[schema.TAG_FOLD_OF], parent.data.tags[schema.TAG_FOLD]) == ("s", f"{fold}/2")
    study = read_study(f"sqlite:///{home / 'mlflow.db'}", "s")
    rows = pd.concat([study.test_predictions[name] for name in ("1/c0000", "2/c0000")])["row"]
    assert sorted(rows) == list(range(len(read_index(data).table)))
    assert "s-fold2" in retina("status", "s")
    retina("report", "s")
    assert (home / "s" / "report" / "report.html").exists()
    notes = [client.get_experiment_by_name(f"s-fold{fold}").tags["mlflow.note.content"] for fold in (1, 2)]
    assert notes[0] == notes[1] and notes[0].endswith("Of all folds of s together.")
