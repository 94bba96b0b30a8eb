"""Which experiment is a study's: by its id, whatever it is called; another study's is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis import schema
from study.storage.home import Home
from study.tracking.store.experiment import all_runs, experiments_of, find_experiment, shows, study_id_of, try_write
from study.tracking.store.refusals import RefusedError
from tests.fixtures.mlflow import client, store
from tests.fixtures.study import study_event, write_ledger


def experiment_of(name: str, study_id: str = "", *, tagged: bool = True) -> str:
    """An experiment with the run of a study."""
    key = client().create_experiment(name, tags={schema.TAG_STUDY_ID: study_id} if study_id and tagged else None)
    if study_id:
        client().create_run(key, tags={schema.TAG_KIND: schema.KIND_STUDY, schema.TAG_STUDY_ID: study_id})
    return str(key)


def found(name: str, study_id: str | None) -> str | None:
    experiment = find_experiment(client(), name, study_id, "here")
    return experiment.experiment_id if experiment else None


@pytest.mark.parametrize("tagged", [True, False])
def test_a_study_is_found_by_name_and_one_of_another_id_is_refused(tagged: bool) -> None:
    name, mine = f"found-{tagged}", f"{tagged:d}".ljust(32, "c")
    key = experiment_of(name, mine, tagged=tagged)
    assert found(name, mine) == found(name, None) == key
    for other in ("d" * 32, ""):  # "": a search that has not begun
        with pytest.raises(RefusedError, match=f"MLflow at here has another study of the name {name} .*choose another"):
            found(name, other)
    assert found("never-made", mine if not tagged else None) is None or tagged


def test_a_renamed_experiment_is_still_the_study() -> None:
    key = experiment_of("before", "e" * 32)
    client().rename_experiment(key, "after")
    assert found("before", "e" * 32) == key
    assert found("before", "f" * 32) is None, "the name is free for another study"


def test_an_experiment_without_a_study_is_taken() -> None:
    key = experiment_of("empty-one")
    assert found("empty-one", "0" * 32) == found("empty-one", "") == key
    assert study_id_of(client(), client().get_experiment(key)) == ""


def test_a_deleted_experiment_is_refused_with_what_restores_it() -> None:
    key = experiment_of("gone", "1a" * 16)
    client().delete_experiment(key)
    for study_id in ("1a" * 16, None):
        with pytest.raises(RefusedError, match=f"was deleted there; restore it .*--experiment-id {key}"):
            found("gone", study_id)


def test_experiments_of_a_home_are_those_of_its_ledgers(tmp_path) -> None:  # type: ignore[no-untyped-def]
    home = Home(tmp_path, store()[0], None)
    write_ledger(tmp_path / "mine", replace(study_event(), id="3c" * 16))
    key = experiment_of("mine", "3c" * 16, tagged=False)
    assert {name: one.experiment_id for name, one in experiments_of(client(), home, "mine").items()} == {"mine": key}
    assert experiments_of(client(), home, "nobodys") == {}
    assert len(all_runs(client(), key)) == 1


def test_a_write_is_tried_and_leaves_nothing() -> None:
    key = experiment_of("tried")
    try_write(client(), key, "")
    assert client().get_experiment(key).tags == {}
    try_write(client(), key, "2b" * 16)
    assert client().get_experiment(key).tags == {schema.TAG_STUDY_ID: "2b" * 16}
    assert shows(client(), client())
    assert client().get_experiment("0").tags == {}
