from pathlib import Path

from study.ledger import locked
from study.synced import mark_synced, stale_studies


def test_a_study_that_someone_is_writing_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "busy"
    with locked(folder):
        (folder / "ledger.jsonl").write_text('{"event":"study"}\n')
        assert stale_studies(tmp_path) == []
    assert stale_studies(tmp_path) == [folder]
    mark_synced(folder)
    assert stale_studies(tmp_path) == []


def test_a_marker_that_cannot_be_read_means_not_synced(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "ledger.jsonl").write_text("")
    (folder / "synced").write_text("x")
    assert stale_studies(tmp_path) == [folder]
