"""A study taken away: everything of it goes, nothing of the others', and its name can be used again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from analysis import schema
from study.config.study import make_study_config
from study.errors import ConfigError
from study.storage.home import Home
from study.storage.ledger import Ledger
from study.storage.lock import LockedError, locked
from study.tracking.experiment_page import NOTE
from study.tracking.saved_view import VIEW_TAG
from study.tracking.sync import sync
from study.workflows.delete import find, remove
from tests.fixtures.study import close_event, end_event, epoch_event, study_event, trial_event

DIGEST = "d" * 64


def write_home_study(
    here: Home, name: str, *, study_id: str = "", size: int = 32, fold: str = "", sent: bool = True
) -> Path:
    """A study of one trial, in the home and in MLflow."""
    folder = here.home / name
    folder.mkdir(parents=True)
    config = make_study_config({"fixed": {"image_size": size}}, {}).model_dump(mode="json", exclude={"weights"})
    started = replace(study_event(), id=study_id or name.ljust(32, "0"), config={**config, "fold": fold})
    ledger = Ledger(folder / "ledger.jsonl")
    for event in (started, trial_event(0), epoch_event(0, 1, 0.5), end_event(0), close_event()):
        ledger.append(event)
    ledger.close()
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "weights").write_bytes(b"x" * 3_000_000)
    if sent:
        sync(folder, here.tracking_uri, here.artifacts_of(name))
    return folder


def cache(here: Home, size: int = 32) -> Path:
    folder = here.home / "cache" / f"{DIGEST[:16]}-{size}-fov"
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"y" * 1_000_000)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose MLflow store is made once: that takes seconds."""
    home = tmp_path_factory.mktemp("deleting") / "home"
    write_home_study(_place(home), "first")
    return home


@pytest.fixture
def here(store: Path, tmp_path: Path) -> Home:
    """A home of its own with a copy of that store in which no study is left."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    return _place(home)


def _place(home: Path) -> Home:
    return Home(home, f"sqlite:///{home / 'mlflow.db'}", (home / "mlartifacts").as_uri())


def _rows(here: Home) -> dict[str, int]:
    """Rows of each table that says anything of a run (MLflow leaves links to data sets behind: random numbers)."""
    tables = ("runs", "experiments", "tags", "params", "metrics", "latest_metrics", "experiment_tags", "datasets")
    with closing(sqlite3.connect(here.home / "mlflow.db")) as database:
        return {table: database.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}


def test_a_study_goes_with_everything_and_its_name_is_free(here: Home) -> None:
    before = _rows(here)
    folder, images = write_home_study(here, "eyes"), cache(here)
    assert _rows(here)["runs"] == before["runs"] + 2
    found = find("eyes", here)
    assert (found.folders, found.caches, found.notes) == ((folder,), (images,), ())
    lines = found.lines()
    assert f"folder {folder}: 3 MB" in lines and any("experiment eyes with 2 runs" in line for line in lines)
    assert lines[-1] == "together 4 MB"
    assert folder.exists() and images.exists()  # nothing is touched by asking
    assert remove(found, here) == ["deleted: study eyes"]
    assert not folder.exists() and not images.exists() and not (here.home / "mlartifacts" / "eyes").exists()
    assert _rows(here) == before
    write_home_study(here, "eyes", study_id="b" * 32)
    (run,) = _trials(here, "eyes")
    assert run.data.tags[schema.TAG_STUDY_ID] == "b" * 32


def _trials(here: Home, name: str) -> list[Any]:
    client = MlflowClient(here.tracking_uri)
    experiment = client.get_experiment_by_name(name)
    return list(client.search_runs([experiment.experiment_id], "tags.kind = 'trial'"))


def test_a_cache_goes_whatever_the_shape_of_its_field_of_view(here: Home) -> None:
    write_home_study(here, "eyes")
    oval = cache(here).rename(here.home / "cache" / f"{DIGEST[:16]}-32-fov-ellipse")
    assert find("eyes", here).caches == (oval,)


def test_another_study_keeps_its_runs_and_the_cache_that_both_use(here: Home) -> None:
    write_home_study(here, "eyes")
    other, shared, own = write_home_study(here, "others"), cache(here), cache(here, 64)
    write_home_study(here, "third", size=64)
    found = find("eyes", here)
    assert found.caches == () and found.notes == (f"cache {shared.name}, which another study uses",)
    remove(found, here)
    assert other.exists() and shared.exists() and own.exists() and len(_trials(here, "others")) == 1
    assert find("third", here).caches == (own,)
    assert find("others", here).caches == (shared,)


def test_a_damaged_ledger_beside_it_keeps_the_caches(here: Home) -> None:
    write_home_study(here, "eyes")
    images = cache(here)
    broken = here.home / "broken"
    broken.mkdir()
    (broken / "ledger.jsonl").write_text("no event\n{}\n")
    found = find("eyes", here)
    assert found.caches == () and "broken may use them" in found.notes[0]
    remove(found, here)
    assert images.exists() and broken.exists()


def test_a_study_that_is_written_is_refused(here: Home) -> None:
    folder = write_home_study(here, "eyes", sent=False)
    with locked(folder), pytest.raises(LockedError, match="being written"):
        find("eyes", here)
    found = find("eyes", here)
    with locked(folder), pytest.raises(LockedError):
        remove(found, here)
    assert (folder / "ledger.jsonl").exists()


def test_folds_go_with_the_whole_and_not_alone(here: Home) -> None:
    folds = [write_home_study(here, schema.fold_name("eyes", n), fold=f"{n}/2") for n in (1, 2)]
    look_alike = write_home_study(here, "eyes-fold3")  # an ordinary study that is called so
    (here.home / "eyes" / "report").mkdir(parents=True)
    (here.home / "eyes" / "report" / "report.html").write_text("of all folds\n")
    with pytest.raises(ConfigError, match="outer fold 1/2"):
        find("eyes-fold1", here)
    found = find("eyes", here)
    assert found.folders == (here.home / "eyes", *folds)
    assert sorted(one.name for one in found.stored) == ["eyes-fold1", "eyes-fold2"]
    remove(found, here)
    assert look_alike.exists() and not any(fold.exists() for fold in folds) and not (here.home / "eyes").exists()


def test_another_study_of_the_name_in_mlflow_stays(here: Home) -> None:
    folder = write_home_study(here, "eyes")
    ledger = folder / "ledger.jsonl"
    first, *rest = ledger.read_text().splitlines(keepends=True)
    ledger.write_text(json.dumps(json.loads(first) | {"id": "c" * 32}) + "\n" + "".join(rest))
    found = find("eyes", here)
    assert found.stored == () and "holds another study of that name" in found.notes[0]
    remove(found, here)
    assert not folder.exists() and len(_trials(here, "eyes")) == 1


def _add_others(here: Home, name: str) -> tuple[str, list[str], Path]:
    """The study's experiment, two runs in it that are not the study's, and a file of the first."""
    client = MlflowClient(here.tracking_uri)
    key = client.get_experiment_by_name(name).experiment_id
    by_hand = client.create_run(key, run_name="by hand")
    client.log_text(by_hand.info.run_id, "mine", "notes.txt")
    tags = {schema.TAG_KIND: schema.KIND_TRIAL, schema.TAG_STUDY: name, schema.TAG_STUDY_ID: "f" * 32}
    runs = [by_hand.info.run_id, client.create_run(key, tags=tags).info.run_id]
    return key, runs, here.home / "mlartifacts" / name / by_hand.info.run_id / "artifacts" / "notes.txt"


def _ids(here: Home, key: str) -> set[str]:
    found = MlflowClient(here.tracking_uri).search_runs([key], run_view_type=ViewType.ALL)
    return {run.info.run_id for run in found}


def test_runs_of_others_in_its_experiment_stay_and_its_name_is_free(here: Home) -> None:
    write_home_study(here, "eyes")
    key, others, notes = _add_others(here, "eyes")
    client = MlflowClient(here.tracking_uri)
    assert {NOTE, VIEW_TAG} <= client.get_experiment(key).tags.keys()  # what the study says of itself
    found = find("eyes", here)
    (own,) = (line for line in found.lines() if "experiment" in line and "stays" not in line)
    assert own.startswith("MLflow's experiment eyes: its 2 runs of the study and their artifacts: ")
    assert found.notes == ("2 runs of others in MLflow's experiment eyes, which gets another name",)
    said = remove(found, here)
    assert said[0].startswith("MLflow's experiment eyes held 2 runs of others, which stay in 'eyes runs of others 20")
    assert _ids(here, key) == set(others) and notes.read_text() == "mine"
    assert [path.name for path in notes.parents[2].iterdir()] == [others[0]]
    kept = client.get_experiment(key)
    assert kept.name in said[0] and kept.lifecycle_stage == "active"
    assert not kept.tags.keys() & {NOTE, VIEW_TAG}
    assert client.get_experiment_by_name("eyes") is None
    write_home_study(here, "eyes", study_id="b" * 32)  # whose artifacts lie beside those of the others
    assert find("eyes", here).notes == ()
    remove(find("eyes", here), here)
    assert client.get_experiment_by_name("eyes") is None
    assert _ids(here, key) == set(others) and notes.read_text() == "mine"


@pytest.mark.parametrize("at", ["rename_experiment", "_hard_delete_run"])
def test_killed_while_others_stay_the_same_command_goes_on(
    here: Home, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    folder = write_home_study(here, "eyes")
    key, (by_hand, foreign), notes = _add_others(here, "eyes")
    client = MlflowClient(here.tracking_uri)
    client.delete_tag(foreign, schema.TAG_STUDY_ID)  # with it, and none of the study's left, it is another study's
    client.set_tag(foreign, schema.TAG_STUDY, "elsewhere")

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SqlAlchemyStore if at.startswith("_") else MlflowClient, at, die)
        remove(find("eyes", here), here)
    assert folder.exists()
    remove(find("eyes", here), here)
    assert not folder.exists() and client.get_experiment_by_name("eyes") is None
    assert _ids(here, key) == {by_hand, foreign}
    assert [path.name for path in notes.parents[2].iterdir()] == [by_hand]


def test_an_experiment_that_the_user_deleted_stays_so_with_the_runs_of_others(here: Home) -> None:
    write_home_study(here, "eyes")
    key, others, _ = _add_others(here, "eyes")
    client = MlflowClient(here.tracking_uri)
    client.set_experiment_tag(key, NOTE, "the user's own")
    client.delete_experiment(key)
    remove(find("eyes", here), here)
    kept = client.get_experiment(key)
    assert kept.name.startswith("eyes runs of others") and kept.lifecycle_stage == "deleted"
    assert kept.tags[NOTE] == "the user's own"
    assert _ids(here, key) == set(others)


def test_runs_of_the_study_that_do_not_tell_its_id_go_too(here: Home) -> None:
    before, _ = _rows(here), write_home_study(here, "eyes")
    client = MlflowClient(here.tracking_uri)
    (trial,) = _trials(here, "eyes")
    client.delete_tag(trial.info.run_id, schema.TAG_STUDY_ID)
    found = find("eyes", here)
    assert found.notes == () and found.stored[0].runs == 2
    remove(found, here)
    assert _rows(here) == before


def test_what_is_left_in_mlflow_of_a_folder_that_was_removed_by_hand_goes(here: Home) -> None:
    before, folder = _rows(here), write_home_study(here, "eyes")
    for path in (*folder.rglob("*"), folder):
        path.unlink() if path.is_file() else None
    found = find("eyes", here)
    assert found.folders == () and [one.name for one in found.stored] == ["eyes"]
    remove(found, here)
    assert _rows(here) == before


def test_an_experiment_that_the_user_deleted_in_mlflow_is_erased_too(here: Home) -> None:
    before = _rows(here)
    write_home_study(here, "eyes")
    client = MlflowClient(here.tracking_uri)
    client.delete_experiment(client.get_experiment_by_name("eyes").experiment_id)
    remove(find("eyes", here), here)
    assert _rows(here) == before


def test_a_study_that_mlflow_never_had_goes_too(here: Home, tmp_path: Path) -> None:
    folder = write_home_study(here, "eyes", sent=False)
    nowhere = Home(here.home, f"sqlite:///{tmp_path / 'none.db'}", here.artifacts)
    remove(find("eyes", nowhere), nowhere)
    assert not folder.exists() and not (tmp_path / "none.db").exists()


def test_a_study_that_is_not_there_is_refused_and_those_that_are_named(here: Home) -> None:
    write_home_study(here, "eyes", sent=False)
    for name in ("none", "cache", "mlartifacts"):
        with pytest.raises(ConfigError, match=f"study {name} must exist .* there is: eyes"):
            find(name, here)
