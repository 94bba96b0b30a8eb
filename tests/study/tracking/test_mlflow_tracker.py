from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Run

from analysis import schema
from study.storage.events import Event
from study.tracking.mlflow_tracker import Tracking, trial_of_run
from study.tracking.store.experiment import study_id_of
from study.training.checkpoints import save_predictions
from tests.fixtures.mlflow import client, store
from tests.fixtures.study import (
    close_event,
    end_event,
    epoch_event,
    finalist_event,
    predictions,
    study_event,
    trial_event,
)

NAMES = iter(f"tracking-{number}" for number in range(1000))


@pytest.fixture
def name() -> Iterator[str]:
    yield next(NAMES)


def _tracking(name: str, folder: Path) -> Tracking:
    return Tracking(store()[0], name, folder, (store()[1] / name).as_uri())


def _send(tracking: Tracking, events: list[Event]) -> None:
    for event in events:
        if tracking.apply(event):
            tracking.send(event)


def _runs(name: str) -> dict[str, Run]:
    experiment = client().get_experiment_by_name(name)
    runs = client().search_runs([experiment.experiment_id])
    assert len({_name(run) for run in runs}) == len(runs)  # none is there twice
    return {_name(run): run for run in runs}


def _name(run: Run) -> str:
    """Trial or confirmation of a run; the study's own is the parent."""
    tags = run.data.tags
    named = (schema.TAG_TRIAL, schema.TAG_FINALIST, schema.TAG_CONFIRM)
    return str(next((tags[name] for name in named if name in tags), "parent"))


def _whole(folder: Path) -> list[Event]:
    save_predictions(folder / "checkpoints" / "0000", predictions())
    return [
        study_event(),
        trial_event(0),
        epoch_event(0, 1, 0.6),
        epoch_event(0, 2, 0.4),
        end_event(0),
        trial_event(1),
        epoch_event(1, 1, 0.1),
        end_event(1, "failed", "loss is not finite"),
        close_event(),
    ]


def test_a_study_is_told_with_its_agreed_names(name: str, tmp_path: Path) -> None:
    _send(_tracking(name, tmp_path), _whole(tmp_path))
    runs = _runs(name)
    parent, good, bad = runs["parent"], runs["0000"], runs["0001"]
    assert (parent.info.status, good.info.status, bad.info.status) == ("FINISHED", "FINISHED", "FAILED")
    assert good.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert bad.data.tags[schema.TAG_REASON] == "loss is not finite"
    assert good.data.params["lr"] == "0.001"
    assert good.data.metrics["hparam/log10_lr"] == pytest.approx(-3)
    assert (good.data.metrics["best/epoch"], good.data.metrics["best/val_kappa"]) == (2.0, 0.4)
    assert (parent.data.tags[schema.TAG_DECISION], parent.data.tags[schema.TAG_SELECT_EPOCH]) == ("median", "last")
    assert not [name for name in bad.data.metrics if name.startswith("best/")]
    assert bad.data.metrics[schema.IMAGES_SEEN] == 8
    assert good.data.metrics[schema.IMAGES_SEEN] == 16
    assert good.data.metrics[schema.PEAK_RESIDENT] == 300
    assert good.data.metrics[schema.CPU_UTILISATION] == 0.5
    assert schema.PEAK_MEMORY not in good.data.metrics, "it ran on no GPU"
    artifacts = {
        item.path
        for folder in ("confusion", "predictions", "")
        for item in client().list_artifacts(good.info.run_id, folder)
    }
    assert {
        schema.ARTIFACT_CONFUSION,
        schema.ARTIFACT_CONFUSION_PNG,
        schema.ARTIFACT_PREDICTIONS,
        schema.ARTIFACT_CURVES,
    } <= artifacts
    assert trial_of_run(store()[0], good.info.run_id) == (name, "0000", "a" * 32)
    assert trial_of_run(store()[0], parent.info.run_id) is None
    assert trial_of_run(store()[0], "f" * 32) is None


@pytest.mark.usefixtures("grey_pictures")
def test_the_best_epoch_is_told_where_it_is_selected_and_none_of_a_trial_that_was_stopped(
    name: str, tmp_path: Path
) -> None:
    stopped = [trial_event(1, epochs=9), epoch_event(1, 1, 0.8), end_event(1, "pruned")]
    best = trial_event(0, select_epoch="best")
    events = [study_event(select_epoch="best"), best, *_whole(tmp_path)[2:5], *stopped]
    _send(_tracking(name, tmp_path), [*events, close_event()])
    runs = _runs(name)
    assert runs["parent"].data.tags[schema.TAG_SELECT_EPOCH] == "best"
    metrics = runs["0000"].data.metrics
    assert (metrics["best/epoch"], metrics["best/val_kappa"]) == (1.0, 0.6)
    assert not [metric for metric in runs["0001"].data.metrics if metric.startswith("best/")]


@pytest.mark.usefixtures("grey_pictures")
@pytest.mark.parametrize("cut", range(2, 8))
def test_a_finalist_is_one_run_with_agreed_names_wherever_it_was_cut(name: str, tmp_path: Path, cut: int) -> None:
    started = replace(finalist_event(0, seed_index=1, epochs=1), split_seed=77)
    save_predictions(tmp_path / "checkpoints" / "f0000", predictions())
    events = [study_event(), trial_event(0, epochs=1), epoch_event(0, 1, 0.6), end_event(0), started]
    events += [epoch_event("f0000", 1, 0.5), end_event("f0000"), close_event()]
    _send(_tracking(name, tmp_path), events[:cut])
    for _ in range(2):
        _send(_tracking(name, tmp_path), events)
    runs = _runs(name)
    assert set(runs) == {"parent", "0000", "f0000"}
    run, tags = runs["f0000"], runs["f0000"].data.tags
    assert tags[schema.TAG_KIND] == schema.KIND_FINALIST == "finalist"
    named = (schema.TAG_FINALIST, schema.TAG_CONFIRMED_TRIAL, schema.TAG_SEED_INDEX, schema.TAG_SPLIT_SEED)
    assert [tags[tag] for tag in named] == ["f0000", "0000", "1", "77"]
    assert schema.TAG_TRIAL not in tags and tags[schema.TAG_BASELINE] == "False"
    assert (run.data.metrics["best/val_kappa"], run.data.metrics["best/epoch"]) == (0.5, 1.0)
    assert run.info.status == "FINISHED" and tags["mlflow.parentRunId"] == runs["parent"].info.run_id
    assert len(client().get_metric_history(run.info.run_id, "val/kappa")) == 1
    assert trial_of_run(store()[0], run.info.run_id) is None


@pytest.mark.usefixtures("grey_pictures")
@pytest.mark.parametrize("cut", range(1, 9))
def test_what_was_sent_before_a_kill_is_not_doubled(name: str, tmp_path: Path, cut: int) -> None:
    events = _whole(tmp_path)
    _send(_tracking(name, tmp_path), events[:cut])
    _send(_tracking(name, tmp_path), events)
    _send(_tracking(name, tmp_path), events)
    runs = _runs(name)
    assert set(runs) == {"parent", "0000", "0001"}
    history = client().get_metric_history(runs["0000"].info.run_id, "val/kappa")
    assert sorted((metric.step, metric.value) for metric in history) == [(1, 0.6), (2, 0.4)]
    assert "RUNNING" not in {run.info.status for run in runs.values()}


def test_a_batch_that_arrived_though_its_answer_was_lost_leaves_one_value(name: str, tmp_path: Path) -> None:
    events = _whole(tmp_path)
    tracking = _tracking(name, tmp_path)
    _send(tracking, events[:3])
    tracking._sent["0000"] = 0  # as if the answer had been lost
    tracking.send(events[2])
    assert len(client().get_metric_history(_runs(name)["0000"].info.run_id, "val/kappa")) == 1


@pytest.mark.usefixtures("grey_pictures")
def test_a_killed_writer_leaves_no_run_running(name: str, tmp_path: Path) -> None:
    events = _whole(tmp_path)
    tracking = _tracking(name, tmp_path)
    _send(tracking, events[:3])
    assert _runs(name)["0000"].info.status == "RUNNING"
    tracking.close_interrupted()
    runs = _runs(name)
    assert {run.info.status for run in runs.values()} == {"KILLED"}
    assert runs["0000"].data.tags[schema.TAG_STATE] == schema.STATE_INTERRUPTED
    _send(_tracking(name, tmp_path), events)  # and the search goes on
    assert _runs(name)["0000"].info.status == "FINISHED"


@pytest.mark.usefixtures("grey_pictures")
def test_a_run_whose_maker_was_killed_gets_its_parameters_later(name: str, tmp_path: Path) -> None:
    events = _whole(tmp_path)
    _send(_tracking(name, tmp_path), events[:1])
    client().create_run(
        client().get_experiment_by_name(name).experiment_id,
        tags={schema.TAG_KIND: schema.KIND_TRIAL, schema.TAG_TRIAL: "0000", schema.TAG_STUDY: name},
    )
    _send(_tracking(name, tmp_path), events)
    run = _runs(name)["0000"]
    assert run.data.params["lr"] == "0.001"
    assert run.data.metrics["hparam/log10_lr"] == pytest.approx(-3)


@pytest.mark.usefixtures("grey_pictures")
def test_the_store_says_which_study_it_has(name: str, tmp_path: Path) -> None:
    _send(_tracking(name, tmp_path), _whole(tmp_path))
    experiment = client().get_experiment_by_name(name)
    assert experiment.tags[schema.TAG_STUDY_ID] == study_id_of(client(), experiment) == "a" * 32


def _double(name: str, study_id: str) -> list[Run]:
    """A trial's run and the study's own once more, as a slow server makes them after their answer was given up."""
    experiment = client().get_experiment_by_name(name).experiment_id
    tags = {schema.TAG_STUDY: name, schema.TAG_STUDY_ID: study_id}
    kinds = ({schema.TAG_KIND: schema.KIND_TRIAL, schema.TAG_TRIAL: "0000"}, {schema.TAG_KIND: schema.KIND_STUDY})
    return [client().create_run(experiment, tags=tags | kind) for kind in kinds]


@pytest.mark.usefixtures("grey_pictures")
@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_a_slow_server_made_twice_is_there_once_and_closed(name: str, tmp_path: Path, again: bool) -> None:
    """The one that is written to stays, whether the same process looks again or a later one finds both."""
    events = _whole(tmp_path)
    tracking = _tracking(name, tmp_path)
    _send(tracking, events[:4])
    kept = {trial: run.info.run_id for trial, run in _runs(name).items()}
    doubled = _double(name, "a" * 32)
    if again:
        tracking.refresh()
        _send(tracking, events[4:])
    else:
        _send(_tracking(name, tmp_path), events)
    runs = _runs(name)
    assert {trial: runs[trial].info.run_id for trial in kept} == kept
    assert {run.info.status for run in runs.values()} <= {"FINISHED", "FAILED"}
    assert len(runs) == 3
    for run in doubled:
        now = client().get_run(run.info.run_id).info
        assert (now.status, now.lifecycle_stage) == ("KILLED", "deleted")


@pytest.mark.usefixtures("grey_pictures")
def test_runs_of_another_study_of_that_name_are_left_alone(name: str, tmp_path: Path) -> None:
    events = _whole(tmp_path)
    tracking = _tracking(name, tmp_path)
    _send(tracking, events[:4])
    others = _double(name, "f" * 32)
    tracking.refresh()
    _send(tracking, events[4:])
    assert {client().get_run(run.info.run_id).info.lifecycle_stage for run in others} == {"active"}


@pytest.mark.usefixtures("grey_pictures")
def test_a_look_that_fails_forgets_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next event would make a run that is there already."""
    events = _whole(tmp_path)
    tracking = _tracking(name, tmp_path)
    _send(tracking, events[:2])

    def down(*_: object, **__: object) -> None:
        raise ConnectionError("no answer")

    with monkeypatch.context() as away:
        away.setattr(tracking._client, "search_runs", down)
        with pytest.raises(ConnectionError):
            tracking.refresh()
    _send(tracking, events[2:])
    assert set(_runs(name)) == {"parent", "0000", "0001"}
