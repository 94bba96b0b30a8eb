"""What people do to a home and to MLflow, one row each: what every command says then, and that nothing is lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from analysis import schema
from study.storage.ranking import winners
from tests.homes.conftest import Prepared
from tests.homes.place import NAME, Place, copy_home, execute

pytestmark = pytest.mark.slow

REPORT, STATUS, SYNC = ("report", NAME), ("status", NAME), ("status", NAME, "--sync")
SEARCH, CONFIRM, UI = ("search", NAME), ("confirm", NAME, "--seeds", "1"), ("ui", NAME, "--port", "PORT")
DELETE = ("delete", NAME, "--yes")

MOVED = "this home was found to have moved"
AGAIN = "MLflow was compared with the ledger of study s: "
OTHERS = "another study of the name s"

Call = tuple[tuple[str, ...], int, str]
"""Arguments, exit code, and a pattern of what is said ("": nothing that is looked for)."""


# What is done: each takes the place of a home, and changes what lies there.


def nothing(place: Place) -> None:
    """As it was made."""


def moved(place: Place) -> None:
    place.home = place.home.rename(place.around / "home2")


def moved_far(place: Place) -> None:
    """A path with a blank, a hash and a letter beyond ASCII."""
    target = place.around / "deep down" / "Ärzte #1"
    target.parent.mkdir()
    place.home = place.home.rename(target)


def copied(place: Place) -> None:
    copy_home(place.home, place.around / "copy")
    place.home = place.around / "copy"


def copied_and_original_changed(place: Place) -> None:
    """The original's report is another one by now; the copy must not read or write it."""
    copied(place)
    (place.around / "home" / NAME / "report" / "answer.md").write_text("the original's")


def by_a_link(place: Place) -> None:
    moved(place)
    (place.around / "home").symlink_to(place.home)
    place.home = place.around / "home"


def copied_within(place: Place) -> None:
    shutil.copytree(place.folder, place.home / "t")


def without_artifacts(place: Place) -> None:
    shutil.rmtree(place.home / "mlartifacts")


def without_one_artifact(place: Place) -> None:
    next((place.home / "mlartifacts" / NAME).rglob("confusion/val.json")).unlink()


def without_store(place: Place) -> None:
    (place.home / "mlflow.db").unlink()


def without_both(place: Place) -> None:
    without_artifacts(place)
    without_store(place)


def moved_without_artifacts(place: Place) -> None:
    moved(place)
    without_artifacts(place)


def run_deleted(place: Place) -> None:
    place.client.delete_run(place.run_of("0001"))


def two_runs_deleted(place: Place) -> None:
    run_deleted(place)
    place.client.delete_run(place.run_of("0000"))


def own_run_deleted(place: Place) -> None:
    place.client.delete_run(place.run_of(""))


def all_runs_deleted(place: Place) -> None:
    for run in place.runs():
        place.client.delete_run(run.info.run_id)


def run_doubled(place: Place) -> None:
    tags = {schema.TAG_KIND: "trial", schema.TAG_TRIAL: "0001", schema.TAG_STUDY: NAME}
    tags[schema.TAG_STUDY_ID] = place.state().study.id
    place.client.create_run(place.client.get_run(place.run_of("0001")).info.experiment_id, tags=tags)


def run_unknown(place: Place) -> None:
    tags = {schema.TAG_KIND: "trial", schema.TAG_TRIAL: "0099", schema.TAG_STUDY: NAME}
    tags[schema.TAG_STUDY_ID] = place.state().study.id
    run = place.client.create_run(place.client.get_run(place.run_of("")).info.experiment_id, tags=tags)
    place.client.set_terminated(run.info.run_id)


def run_of_a_colleague(place: Place) -> None:
    run = place.client.create_run(place.client.get_run(place.run_of("")).info.experiment_id, tags={"mine": "yes"})
    place.client.set_terminated(run.info.run_id)


def renamed(place: Place) -> None:
    place.client.rename_experiment(place.client.get_experiment_by_name(NAME).experiment_id, "my best study")


def renamed_and_moved(place: Place) -> None:
    renamed(place)
    moved(place)


def experiment_deleted(place: Place) -> None:
    place.client.delete_experiment(place.client.get_experiment_by_name(NAME).experiment_id)


def epochs_tag_deleted(place: Place) -> None:
    place.client.delete_tag(place.run_of("0001"), schema.TAG_EPOCHS_RECORDED)


def state_tag_edited(place: Place) -> None:
    place.client.set_tag(place.run_of("0001"), schema.TAG_STATE, "failed")


def epochs_lost(place: Place) -> None:
    run = place.run_of("0001")
    execute(place.home, "DELETE FROM metrics WHERE run_uuid = ? AND key LIKE 'val/%'", run)
    place.client.delete_tag(run, schema.TAG_EPOCHS_RECORDED)


def left_running(place: Place) -> None:
    place.client.update_run(place.run_of("0001"), "RUNNING")


def namesake(place: Place) -> None:
    """Somebody else's study has the name in the store that is used."""
    execute(place.home, "UPDATE tags SET value = ? WHERE key = 'study_id'", "f" * 32)
    execute(place.home, "UPDATE experiment_tags SET value = ? WHERE key = 'study_id'", "f" * 32)


def older_ledger(place: Place) -> None:
    """The folder of the study comes from a backup that was made before its confirmation."""
    ledger = place.folder / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if "confirmation_started" in line)
    before = max(number for number in range(first) if '"study_closed"' in lines[number])
    ledger.write_text("".join(lines[: before + 1]))


def data_gone(place: Place) -> None:
    file = place.folder / "study.yaml"
    file.write_text(file.read_text().replace(str(place.data), str(place.around / "gone")))


def forgotten(place: Place) -> None:
    assert place.retina("status", NAME, "--forget", "0001").returncode == 0


def forgotten_and_deleted(place: Place) -> None:
    run_deleted(place)
    forgotten(place)


def forgotten_and_moved(place: Place) -> None:
    forgotten(place)
    moved(place)


@dataclass(frozen=True)
class Row:
    """stage: of the prepared study. tables: of which stage the report's are, "" where they are others or none."""

    situation: str
    done: Callable[[Place], None]
    calls: tuple[Call, ...]
    stage: str = "confirmed"
    tables: str = "confirmed"


# fmt: off
ROWS = [
    Row("nothing happened", nothing, (
        (REPORT, 0, r"^report: \S+report.html$"), (STATUS, 0, "complete"), (SYNC, 0, "complete"))),
    Row("mv runs runs2", moved, (
        (REPORT, 0, MOVED), (STATUS, 0, "complete"))),
    Row("mv runs runs2, then the search and the confirmation again", moved, (
        (SEARCH, 0, "has all its 3 trials"), (CONFIRM, 0, "has all confirmations"), (REPORT, 0, ""))),
    Row("moved to a path with a blank, a hash and a letter beyond ASCII", moved_far, (
        (STATUS, 0, MOVED), (REPORT, 0, ""))),
    Row("cp -r runs copy", copied, (
        (REPORT, 0, MOVED), (SYNC, 0, "complete"), (SEARCH, 0, "has all its 3 trials"))),
    Row("copied, and the original went on", copied_and_original_changed, (
        (REPORT, 0, MOVED),)),
    Row("copied, and the copy is deleted", copied, (
        (DELETE, 0, "deleted: study s"), (STATUS, 2, "study s must exist")), tables=""),
    Row("cp -r runs/s runs/t", copied_within, (
        (("report", "t"), 2, "t is a copy of s"), (("status", "t", "--sync"), 2, "t is a copy of s"), (REPORT, 0, ""))),
    Row("moved, and reached by a link", by_a_link, (
        (REPORT, 0, MOVED),)),
    Row("restored without mlartifacts/", without_artifacts, (
        (REPORT, 0, AGAIN + ".*0000, 0001, 0002, c0000.*were not whole, and sent again"),)),
    Row("one artifact gone", without_one_artifact, (
        (REPORT, 0, AGAIN + r".*\w was not whole, and sent again"),)),
    Row("restored without mlflow.db", without_store, (
        (REPORT, 0, AGAIN + "the study's own run was missing and 0000, 0001, 0002, c0000, c0001 were missing"),)),
    Row("restored without mlflow.db, then the status", without_store, (
        (STATUS, 0, AGAIN), (REPORT, 0, ""))),
    Row("restored without mlflow.db and mlartifacts/", without_both, (
        (SYNC, 0, AGAIN), (REPORT, 0, ""))),
    Row("moved, and mlartifacts/ left behind", moved_without_artifacts, (
        (REPORT, 0, AGAIN),)),
    Row("a trial's run deleted on MLflow's page, then the report", run_deleted, (
        (REPORT, 0, AGAIN + "0001 was missing, and sent again from the ledger"),)),
    Row("a trial's run deleted, then the sync", run_deleted, (
        (SYNC, 0, AGAIN + "0001 was missing"), (REPORT, 0, ""))),
    Row("a trial's run deleted, then the search again", run_deleted, (
        (SEARCH, 0, AGAIN + "0001 was missing"), (REPORT, 0, ""))),
    Row("a trial's run deleted, then the page", run_deleted, (
        (UI, 2, AGAIN + r"(?s:.*)port \d+ must be free"), (REPORT, 0, ""))),
    Row("two runs deleted", two_runs_deleted, (
        (REPORT, 0, AGAIN + "0000, 0001 were missing"),)),
    Row("the study's own run deleted", own_run_deleted, (
        (REPORT, 0, AGAIN + "the study's own run was missing, and sent again"),)),
    Row("all runs deleted", all_runs_deleted, (
        (REPORT, 0, AGAIN + "the study's own run was missing and 0000, 0001"),)),
    Row("a run is there twice", run_doubled, (
        (REPORT, 0, AGAIN + r"1 run too many \(0001\) put aside"),)),
    Row("a run of the study that the ledger does not know", run_unknown, (
        (REPORT, 0, AGAIN + r"1 run too many \(0099\) put aside"),)),
    Row("a colleague's run in the experiment", run_of_a_colleague, (
        (REPORT, 0, ""), (DELETE, 0, "1 run of others in MLflow's experiment s")), tables=""),
    Row("the experiment renamed on MLflow's page", renamed, (
        (REPORT, 0, ""), (SYNC, 0, ""), (SEARCH, 0, "has all its 3 trials"), (REPORT, 0, ""))),
    Row("the experiment renamed, and the home moved", renamed_and_moved, (
        (REPORT, 0, MOVED),)),
    Row("the experiment renamed, and the study deleted", renamed, (
        (DELETE, 0, "experiment s with 6 runs"),), tables=""),
    Row("the experiment deleted on MLflow's page", experiment_deleted, (
        (REPORT, 2, "must be active for study s, but was deleted there; restore it"),
        (SYNC, 2, "was deleted there"), (CONFIRM, 2, "was deleted there"), (UI, 2, "was deleted there")), tables=""),
    Row("the tag that counts epochs deleted", epochs_tag_deleted, (
        (REPORT, 0, AGAIN + "0001 was not whole"),)),
    Row("the tag of a trial's state edited", state_tag_edited, (
        (REPORT, 0, AGAIN + "0001 was not whole"),)),
    Row("values of an epoch lost", epochs_lost, (
        (REPORT, 0, AGAIN + "0001 was not whole"),)),
    Row("a run left RUNNING", left_running, (
        (REPORT, 0, AGAIN + "0001 was not whole"),)),
    Row("another study of the name in MLflow", namesake, (
        (REPORT, 2, OTHERS), (SYNC, 2, OTHERS), (SEARCH, 2, OTHERS), (CONFIRM, 2, OTHERS), (UI, 2, OTHERS),
        (STATUS, 0, "complete")), tables=""),
    Row("the ledger restored from before the confirmation", older_ledger, (
        (REPORT, 0, AGAIN + r".*2 runs too many \(c0000, c0001\) put aside"),), tables="searched"),
    Row("the data folder has gone", data_gone, (
        (CONFIRM, 2, "which is not there now; give --data FOLDER where it is now"),
        (SEARCH, 2, "give --data FOLDER"), (REPORT, 0, ""))),
    Row("the data folder has gone, and is named", data_gone, (
        (("confirm", NAME, "--seeds", "1", "--data", "DATA"), 0, "has all confirmations"),
        (("search", NAME, "--data", "DATA"), 0, "has all its 3 trials"), (REPORT, 0, ""))),
    Row("a trial forgotten", forgotten, (
        (REPORT, 0, ""), (STATUS, 0, "forgotten, and in no report: 0001"), (SEARCH, 0, "has all its 3 trials"),
        (SYNC, 0, "")), stage="searched", tables=""),
    Row("a trial's run deleted, and forgotten", forgotten_and_deleted, (
        (REPORT, 0, ""), (SYNC, 0, "")), stage="searched", tables=""),
    Row("a trial forgotten, and the home moved", forgotten_and_moved, (
        (REPORT, 0, MOVED),), stage="searched", tables=""),
    Row("what cannot be forgotten", nothing, (
        (("status", NAME, "--forget", "0001"), 2, "only before the test split is read"),
        (("status", NAME, "--forget", "0077"), 2, "must name a trial of study s"),
        (("status", "--forget", "0001"), 2, "--forget needs the study's NAME"), (REPORT, 0, ""))),
    Row("a study named Default", nothing, (
        (("search", "Default", "--data", "DATA"), 2, "must be up to 64 letters.*not be .*Default"),), tables=""),
]
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.situation)
def test_home(row: Row, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = prepared.place(tmp_path, row.stage)
    row.done(place)
    assert_row(row, place, prepared)


def assert_row(row: Row, place: Place, prepared: Prepared) -> None:
    """Call what the row calls; then nothing lies outside the home, nothing is lost or doubled, the tables are equal."""
    beside = place.beside()
    for arguments, code, said in row.calls:
        words = {"DATA": str(place.data), "PORT": str(prepared.port), NAME: place.name}
        done = place.retina(*(words.get(one, one) for one in arguments))
        text = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: {text}"
        assert re.search(said, text, re.MULTILINE), f"{arguments}: {text}"
        assert "Traceback" not in text and "run_id" not in text
    assert place.beside() == beside, "something was written outside the home"
    if not place.folder.exists() or any(code for arguments, code, _ in row.calls if arguments == REPORT):
        return
    assert place.lost_and_doubled() == (0, 0)
    if row.tables:
        assert_same(place, prepared, row.tables)


def assert_same(place: Place, prepared: Prepared, stage: str) -> None:
    found, wanted = place.tables(), prepared.tables[stage]
    assert found.keys() >= wanted.keys()
    for name, table in wanted.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)
    answer = (place.folder / "report" / "answer.md").read_text()
    assert answer == (prepared.homes[stage] / NAME / "report" / "answer.md").read_text()


def test_a_forgotten_trial_is_in_no_table_and_the_report_says_so(prepared: Prepared, tmp_path: Path) -> None:
    place = prepared.place(tmp_path, "searched")
    before = prepared.tables["searched"]["leaderboard.csv"]
    best = str(before["trial"].iloc[0]).zfill(4)
    assert place.retina("status", NAME, "--forget", best).returncode == 0
    assert place.retina(*REPORT).returncode == 0
    board = place.tables()["leaderboard.csv"]
    assert best not in {str(trial).zfill(4) for trial in board["trial"]} and len(board) == len(before) - 1
    page = (place.folder / "report" / "report.html").read_text()
    assert f"1 trial was forgotten by the user before the test split was read ({best})" in page
    assert winners(place.state())[0].trial != best, "what `retina export` takes"


def test_json_is_all_that_stands_on_standard_output(prepared: Prepared, tmp_path: Path) -> None:
    for change in (moved, run_deleted):
        around = tmp_path / change.__name__
        around.mkdir()
        place = prepared.place(around, "confirmed")
        change(place)
        place.environment["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "false"
        done = place.retina("status", NAME, "--json", "--sync")
        assert done.returncode == 0 and [one["study"] for one in json.loads(done.stdout)] == [NAME]
        assert (MOVED if change is moved else AGAIN) in done.stderr


@pytest.mark.parametrize("name", ["what?", "100%", "a%20b"])
def test_a_home_whose_path_no_database_takes_is_refused_before_anything_is_written(
    prepared: Prepared, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, tmp_path / name / "home", prepared.data)
    for arguments in (("search", NAME, "--data", str(prepared.data)), STATUS, REPORT):
        done = place.retina(*arguments)
        assert done.returncode == 2 and "a home's path must be without ? and %" in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []
