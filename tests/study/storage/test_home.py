from pathlib import Path

import pytest

from study.errors import ConfigError
from study.storage.events import encode
from study.storage.home import Home, fold_studies, folds_of, study_name
from study.tracking.sync_marker import mark_synced, sync_pending
from tests.fixtures.study import study_event, write_ledger


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "cache", "weights", "x" * 65])
def test_a_study_s_name_is_one_plain_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="study's name must be"):
        study_name(name)
    assert study_name("lab-2.b") == "lab-2.b"


def test_a_home_without_studies_owes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    here = Home(tmp_path / "none", f"sqlite:///{tmp_path / 'none.db'}", None)
    assert sync_pending(here)
    assert caplog.messages == []
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_does_not_answer_is_one_line_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "ledger.jsonl").write_text('{"event":"study"}\n')
    here = Home(tmp_path, "http://127.0.0.1:9", None)
    assert not sync_pending(here)
    assert len(caplog.messages) == 1
    assert "sent later" in caplog.messages[0]


def test_a_name_stands_for_its_folds_where_the_first_one_says_so(tmp_path: Path) -> None:
    assert (folds_of(tmp_path, "s"), fold_studies(tmp_path, "s")) == (0, ["s"])
    for name, fold in (("s-fold1", "1/3"), ("plain-fold1", "")):
        write_ledger(tmp_path / name, study_event(fold=fold))
    write_ledger(tmp_path / "torn-fold1").write_text('{"event":"stu\n')
    write_ledger(tmp_path / "many-fold1").write_bytes(
        encode(study_event(fold="1/3")).replace(b'"1/3"', b'"1/1000000000"')
    )
    assert fold_studies(tmp_path, "s") == ["s-fold1", "s-fold2", "s-fold3"]
    assert fold_studies(tmp_path, "plain") == ["plain"]
    assert fold_studies(tmp_path, "torn") == ["torn"]
    assert fold_studies(tmp_path, "many") == ["many"]


def test_a_damaged_study_does_not_keep_the_others_from_being_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, text in (("a", "{broken\n{}\n"), ("b", encode(study_event()).decode())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ledger.jsonl").write_text(text)
    mark_synced(tmp_path / "b", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tmp_path / "mlflow.db").touch()
    here = Home(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", None)
    assert not sync_pending(here)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("a cannot be sent to MLflow: ")
