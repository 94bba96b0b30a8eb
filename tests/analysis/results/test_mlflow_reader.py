"""What MLflow holds comes back as checked tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analysis import schema
from analysis.errors import RunsError
from analysis.results import mlflow_reader, run_tables
from analysis.results.mlflow_reader import read_study
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def test_a_study_comes_back_as_it_was_written() -> None:
    found = read_study(fixture.four_arms(), "four")
    assert list(found.trials["trial"]) == [f"{number:04d}" for number in range(8)]
    assert found.trials["pretrained"].dtype == bool
    assert list(found.trials["lr"]) == pytest.approx([0.001 * number for number in range(1, 9)])
    assert found.hyperparameters[:3] == ("architecture", "pretrained", "lr")
    assert (found.trials["epochs_run"] == 3).all()
    assert (found.trials["seconds"] == 6.0).all()
    assert list(found.epochs.columns) == ["trial", "epoch", *schema.EPOCH_METRICS]
    assert len(found.epochs) == 24
    last = found.epochs[found.epochs["epoch"] == 3].set_index("trial")
    best = found.trials.set_index("trial")
    np.testing.assert_allclose(last["val/kappa"], best["best_val_kappa"])
    written = fixture.predictions(TrialSpec(4, "resnet50-scratch", skill=0.3))
    pd.testing.assert_frame_equal(found.predictions["0004"], written)
    assert found.confusions["0004"].sum() == len(written) == 120
    assert found.study["audit"]["images"]["train"] == 400
    assert found.tags[schema.TAG_SELECTION_SPLIT] == "validation"
    assert len(found.predictions) == 8
    assert "9999" not in found.predictions


def test_trials_that_never_ended_have_gaps_and_no_artifacts() -> None:
    arm = "resnet18-scratch"
    trials = [
        TrialSpec(0, arm, state=schema.STATE_RUNNING, best=False, epochs=1),
        TrialSpec(1, arm, state=schema.STATE_FAILED, best=False, epochs=0, reason="loss is not finite"),
    ]
    found = read_study(fixture.write_study("gaps", trials, study={}), "gaps")
    assert found.trials["best_epoch"].isna().all()
    assert list(found.trials["epochs_run"]) == [1, 0]
    assert found.trials["reason"].iloc[1] == "loss is not finite"
    assert found.confusions == {}
    assert list(found.predictions) == []
    assert found.study == {}


def test_a_study_without_a_trial_is_an_empty_table_with_its_columns() -> None:
    found = read_study(fixture.write_study("empty", []), "empty")
    assert len(found.trials) == len(found.epochs) == 0
    assert {"trial", "arm", "best_epoch", "best_val_kappa", "epochs_run"} <= set(found.trials.columns)


def test_an_unknown_study_is_refused_with_the_names_there_are() -> None:
    fixture.four_arms()
    with pytest.raises(RunsError, match=r"study fuor must exist.*four"):
        read_study(fixture.store()[0], "fuor")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match="must exist"):
        read_study(f"sqlite:///{tmp_path}/none.db", "four")
    assert not list(tmp_path.iterdir())


def test_a_trial_that_is_there_twice_is_refused() -> None:
    arm = "resnet18-scratch"
    uri = fixture.write_study("twice", [TrialSpec(3, arm, epochs=1), TrialSpec(3, arm, epochs=1)])
    with pytest.raises(RunsError, match="trial='0003'.*has it too"):
        read_study(uri, "twice")


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(RunsError, match="arm.*resnet18-scratch.*'resnet34-scratch'"):
        read_study(fixture.write_study("arm", [TrialSpec(0, "resnet34-scratch", epochs=1)]), "arm")


def test_an_epoch_that_was_sent_twice_counts_once_and_the_later_value_wins() -> None:
    uri = fixture.write_study("resent", [TrialSpec(0, "resnet18-scratch", epochs=2)])
    run = read_study(uri, "resent").trials["run_id"].iloc[0]
    fixture.client().log_metric(run, "val/kappa", -0.5, timestamp=99_999, step=1)
    epochs = read_study(uri, "resent").epochs
    assert list(epochs["epoch"]) == [1, 2]
    assert epochs["val/kappa"].iloc[0] == -0.5


def test_broken_artifacts_are_refused_by_name() -> None:
    uri = fixture.write_study("broken", [TrialSpec(0, "resnet18-scratch", epochs=1)])
    run = read_study(uri, "broken").trials["run_id"].iloc[0]
    folder = fixture.client().get_run(run).info.artifact_uri.removeprefix("file://")
    table = fixture.predictions(TrialSpec(0, "resnet18-scratch"))
    for change, message in (
        (table.assign(grade=7), r"grades 0\.\.4, but got 7"),
        (table.assign(p1=float("nan")), "finite"),
        (table.assign(row=1), "each row once, but row 1 is there twice"),
        (table.drop(columns="patient"), "columns row, patient"),
    ):
        change.to_parquet(f"{folder}/{schema.ARTIFACT_PREDICTIONS}")
        with pytest.raises(RunsError, match=f"trial 0000 must hold {message}"):
            read_study(uri, "broken").predictions["0000"]
    with open(f"{folder}/{schema.ARTIFACT_CONFUSION}", "w") as file:
        json.dump({"confusion": [[1]]}, file)
    with pytest.raises(RunsError, match="5x5 counts, but that of trial 0000"):
        read_study(uri, "broken")


def test_a_server_without_a_database_gives_the_same_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = fixture.write_study(
        "by server", [TrialSpec(0, "resnet18-scratch", epochs=2), TrialSpec(1, "resnet18-scratch")]
    )
    run = read_study(uri, "by server").trials["run_id"].iloc[0]
    fixture.client().log_metric(run, "val/kappa", float("nan"), timestamp=99_999, step=2)
    fast = read_study(uri, "by server").epochs
    assert np.isnan(fast["val/kappa"].iloc[1])
    monkeypatch.setattr(mlflow_reader, "_from_database", mlflow_reader._from_server)
    pd.testing.assert_frame_equal(read_study(uri, "by server").epochs, fast)


def test_the_number_of_queries_does_not_grow_with_the_number_of_trials() -> None:
    """One query for all runs and metrics, not for each; this pins the store's interface that MLflow hides."""
    counts = []
    for name, number in (("few", 2), ("many", 12)):
        trials = [TrialSpec(place, "resnet18-scratch", epochs=2) for place in range(number)]
        uri = fixture.write_study(name, trials)
        queries: list[str] = []

        def note(*args: object, into: list[str] = queries) -> None:
            into.append(str(args[2]))

        event.listen(Engine, "before_cursor_execute", note)
        try:
            read_study(uri, name)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        counts.append(len([query for query in queries if query.startswith("SELECT")]))
    assert counts[0] == counts[1] > 0


def test_confirmations_come_back_beside_the_trials() -> None:
    found = read_study(fixture.confirmed(), "confirmed")
    assert len(found.trials) == 4
    table = found.confirmations.set_index("confirm")
    assert list(table.index) == [f"c{number:04d}" for number in range(12)]
    assert table.loc["c0004", ["arm", "trial", "seed_index", "fold"]].tolist() == ["resnet18-pretrained", "0001", 1, 0]
    assert table.loc["c0004", "seed"] == "104"
    assert (table["epochs_run"] == 3).all()
    assert (table["seconds"] == 6.0).all()
    spec = ConfirmSpec(4, TrialSpec(1, "resnet18-pretrained"), 1, skill=0.7, new_patients=0.5)
    pd.testing.assert_frame_equal(found.test_predictions["c0004"], fixture.predictions_on_test(spec))
    confusion = found.test_confusions["c0004"]
    assert confusion.sum() == 160
    assert table.loc["c0004", "test_accuracy"] == pytest.approx(np.trace(confusion) / 160)
    new_patients = found.test_predictions["c0004"].query("new_patients")
    guess = new_patients[[f"p{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
    assert table.loc["c0004", "test_new_patients_accuracy"] == pytest.approx((new_patients["grade"] == guess).mean())
    assert list(found.confirm_epochs.columns) == ["confirm", "epoch", *schema.EPOCH_METRICS]
    assert len(found.confirm_epochs) == 36
    assert found.folds == 0


def test_a_confirmation_whose_test_part_was_not_read_has_gaps() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    confirmations = [ConfirmSpec(0, trial), ConfirmSpec(1, trial, 1, state=schema.STATE_RUNNING, read=False)]
    found = read_study(fixture.write_study("half confirmed", [trial], confirmations=confirmations), "half confirmed")
    assert found.confirmations["test_accuracy"].isna().tolist() == [False, True]
    assert found.confirmations["test_new_patients_accuracy"].isna().all()  # all patients are new
    assert list(found.test_predictions) == ["c0000"]


def test_the_folds_of_a_study_are_read_as_one() -> None:
    found = read_study(fixture.folded(), "folded")
    assert found.folds == 3
    assert found.folds_begun == (1, 2, 3)
    assert list(found.trials["trial"]) == ["1/0000", "1/0001", "2/0000", "2/0001", "3/0000", "3/0001"]
    assert list(found.trials["fold"]) == [1, 1, 2, 2, 3, 3]
    assert found.trials["pretrained"].dtype == bool
    assert found.confirmations["confirm"].iloc[-1] == "3/c0003"
    assert found.confirmations["trial"].iloc[-1] == "3/0001"
    assert found.epochs["trial"].nunique() == 6
    rows = [row for name in found.test_predictions for row in found.test_predictions[name]["row"]]
    assert sorted(rows) == sorted(4 * list(range(160)))  # two arms, two seeds, each row once in one of the folds
    assert found.study["budget"]["resnet18-scratch"]["trials"] == 6
    assert found.tags[schema.TAG_TEST_EVALUATIONS] == "12"
    alone = read_study(fixture.folded(), "folded-fold2")
    assert list(alone.trials["trial"]) == ["0000", "0001"]


def test_a_study_that_is_named_like_a_fold_is_not_one() -> None:
    uri = fixture.write_study("apart-fold1", [TrialSpec(0, "resnet18-scratch", epochs=1)])
    with pytest.raises(RunsError, match="study apart must exist"):
        read_study(uri, "apart")


def test_a_confirmation_without_a_number_is_refused() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    uri = fixture.write_study("unnumbered", [trial], confirmations=[ConfirmSpec(0, trial)])
    run = read_study(uri, "unnumbered").confirmations["run_id"].iloc[0]
    fixture.client().set_tag(run, schema.TAG_SEED_INDEX, "first")
    with pytest.raises(RunsError, match="`seed_index` must be a whole number, but got 'first'"):
        read_study(uri, "unnumbered")


def test_an_artifact_that_is_there_and_cannot_be_read_is_not_taken_for_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a store that is down for a moment would turn a confirmed study into one that is not."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    fixture.four_arms()
    experiment = fixture.client().get_experiment_by_name("four")
    run = fixture.client().search_runs([experiment.experiment_id], "tags.trial = '0001'")[0]
    elsewhere = run_tables.Record(run.info.run_id, "mlflow-artifacts:/x", {}, {}, {}, 0)
    client = fixture.client()
    assert mlflow_reader._read_artifact(client, elsewhere, "confusion/none.json") is None
    assert mlflow_reader._read_artifact(client, elsewhere, schema.ARTIFACT_CONFUSION) is not None

    def down(*_: object) -> None:
        raise MlflowException("503 Service Unavailable")

    monkeypatch.setattr(MlflowClient, "download_artifacts", down)
    assert mlflow_reader._read_artifact(client, elsewhere, "confusion/none.json") is None
    with pytest.raises(RunsError, match="must be readable, but is not .503 Service Unavailable.; try again once"):
        mlflow_reader._read_artifact(client, elsewhere, schema.ARTIFACT_CONFUSION)
    monkeypatch.setattr(MlflowClient, "list_artifacts", down)
    with pytest.raises(RunsError, match="try again once"):
        mlflow_reader._read_artifact(client, elsewhere, "confusion/none.json")


def test_finalists_come_back_beside_the_trials() -> None:
    found = read_study(fixture.finalists(), "finalists")
    table = found.finalists.set_index("finalist")
    assert list(table.index) == [f"f{number:04d}" for number in range(8)]
    columns = ["arm", "trial", "seed_index", "fold", "state", "seed", "split_seed", "best_epoch", "epochs_run"]
    assert table.loc["f0003", columns].tolist() == [
        *("resnet18-scratch", "0002", 1, 0, "complete", "503", "701", 3.0, 3),
    ]
    assert table["best_val_kappa"].notna().all()
    assert found.confirmations.set_index("confirm")["baseline"].tolist() == [False] * 4 + [True] * 2
    assert found.decision == "median"
    assert found.selects_last
    assert len(found.trials) == 8  # a finalist is no trial


def test_a_study_without_the_new_tags_is_read_as_before() -> None:
    found = read_study(fixture.four_arms(), "four")
    assert found.finalists.empty
    assert found.decision == "most_probable"
    assert not found.selects_last
    assert not read_study(fixture.confirmed(), "confirmed").confirmations["baseline"].any()
