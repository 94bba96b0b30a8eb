"""What MLflow's page is told of a study, in the tests' store."""

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow.entities import Param, Run, RunData, RunInfo
from mlflow.exceptions import MlflowException
from PIL import Image

from analysis import schema
from study.storage.home import Home
from study.tracking.experiment_page import (
    NOTE,
    axes_of,
    links,
    log_data,
    picture_files,
    write_view,
)
from study.tracking.saved_view import VIEW_ID, VIEW_TAG, unpacked
from study.tracking.store.experiment import experiments_of
from tests.fixtures.mlflow import ARMS, TrialSpec, client, store, write_study
from tests.fixtures.study import study_event

NOWHERE = Path("/nowhere")
"""A home without ledgers: MLflow alone has the studies."""


def _experiment(name: str) -> str:
    return client().get_experiment_by_name(name).experiment_id


def test_a_data_set_is_told_by_digests_and_sent_twice_is_one() -> None:
    run = client().create_run(client().create_experiment("showing-data")).info.run_id
    study = study_event()
    for _ in range(2):
        log_data(client(), run, study)
    (told,) = client().get_run(run).inputs.dataset_inputs
    assert told.dataset.name == "retina-data"
    assert study.identity["data_digest"].startswith(told.dataset.digest) and len(told.dataset.digest) == 36
    assert json.loads(told.dataset.source) == study.identity
    assert json.loads(told.dataset.profile) == {"num_rows": 13, "train": 8, "val": 5}
    found = client().search_runs([_experiment("showing-data")], "dataset.name = 'retina-data'")
    assert [one.info.run_id for one in found] == [run]


def test_a_picture_has_a_thumbnail(tmp_path: Path) -> None:
    png = tmp_path / "matrix.png"
    Image.fromarray(np.zeros((420, 480, 4), np.uint8)).save(png)
    (tmp_path / "out").mkdir()
    picture_files(png, tmp_path / "out", 5, "run")
    names = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert names == ["confusion+step+0+timestamp+5+run+compressed.webp", "confusion+step+0+timestamp+5+run.png"]
    with Image.open(tmp_path / "out" / "images" / names[0]) as small:
        assert max(small.size) == 260 and small.mode == "RGB"


def test_axes_are_the_hyperparameters_that_differ() -> None:
    def run(**params: str) -> Run:
        info = RunInfo("r", "0", "", "FINISHED", 0, 0, "active")
        return Run(info, RunData(params=[Param(*pair) for pair in params.items()]))

    trials = [
        run(lr="0.1", epochs="3", seed="1", imbalance="none"),
        run(lr="0.2", epochs="3", seed="2", imbalance="none"),
    ]
    assert axes_of(trials) == ["lr"]
    assert axes_of([]) == []


def test_a_study_is_linked_by_its_view_and_written_once() -> None:
    uri = write_study("showing-view", [TrialSpec(0, ARMS[0]), TrialSpec(1, ARMS[3])], objective="accuracy")
    (link,) = links(Home(NOWHERE, uri, None), "showing-view", "http://127.0.0.1:5000")
    assert f"/experiments/{_experiment('showing-view')}/" in link and f"viewStateShareKey={VIEW_ID}" in link
    view = client().get_experiment(_experiment("showing-view")).tags[VIEW_TAG]
    state = unpacked(json.loads(view)["state"])
    assert state["orderByKey"] == "metrics.`best/val_accuracy`"
    assert state["compareRunCharts"][0]["selectedParams"] == ["architecture", "pretrained"]
    links(Home(NOWHERE, uri, None), "showing-view", "http://127.0.0.1:5000")
    assert client().get_experiment(_experiment("showing-view")).tags[VIEW_TAG] == view


def test_a_store_that_takes_no_view_is_linked_by_the_plain_list(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = write_study("showing-plain", [TrialSpec(0, ARMS[0])])

    def refuse(*_: object) -> None:
        raise MlflowException("read only")

    monkeypatch.setattr("study.tracking.experiment_page.write_view", refuse)
    (link,) = links(Home(NOWHERE, uri, None), "showing-plain", "http://127.0.0.1:5000")
    assert "viewStateShareKey" not in link and "orderByKey=metrics.%60best%2Fval_kappa%60" in link


def test_a_study_that_is_not_there_has_no_link_and_folds_have_one_each() -> None:
    assert links(Home(NOWHERE, store()[0], None), "showing-none", "http://127.0.0.1:5000") == []
    for fold in (1, 2):
        client().create_experiment(schema.fold_name("showing-folds", fold))
    folds = experiments_of(client(), Home(NOWHERE, store()[0], None), "showing-folds")
    assert list(folds) == ["showing-folds-fold1", "showing-folds-fold2"]


def test_a_view_of_a_study_without_trials_can_be_written() -> None:
    made = client().create_experiment("showing-empty")
    write_view(client(), client().get_experiment(made))
    assert VIEW_TAG in client().get_experiment(made).tags
    assert NOTE not in client().get_experiment(made).tags
