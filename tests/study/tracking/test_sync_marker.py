from pathlib import Path

from study.storage.lock import locked
from study.tracking.sync_marker import mark_synced, stale_studies

URI = "http://127.0.0.1:5000"


def test_a_study_that_someone_is_writing_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "busy"
    with locked(folder):
        (folder / "ledger.jsonl").write_text('{"event":"study"}\n')
        assert stale_studies(tmp_path, URI) == []
    assert stale_studies(tmp_path, URI) == [folder]
    mark_synced(folder, URI)
    assert stale_studies(tmp_path, URI) == []


def test_a_marker_that_cannot_be_read_means_not_synced(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "ledger.jsonl").write_text("")
    (folder / "synced").write_text("x")
    assert stale_studies(tmp_path, URI) == [folder]


def test_another_store_or_one_that_was_deleted_has_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "ledger.jsonl").write_text('{"event":"study"}\n')
    mark_synced(folder, URI)
    assert stale_studies(tmp_path, "http://127.0.0.1:6000") == [folder]
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mark_synced(folder, store)
    assert stale_studies(tmp_path, store) == [folder]
    (tmp_path / "mlflow.db").touch()
    assert stale_studies(tmp_path, store) == []


def test_the_marker_holds_no_password(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "ledger.jsonl").write_text("x")
    mark_synced(folder, "postgresql://anna:secret@db/mlflow")
    assert "secret" not in (folder / "synced").read_text()
    assert stale_studies(tmp_path, "postgresql://anna:secret@db/mlflow") == []
