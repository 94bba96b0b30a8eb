"""The ledger's file: what counts, what is dropped, what is refused."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from study.storage.events import SCHEMA, EpochFinished, encode
from study.storage.ledger import Ledger, LedgerError, read_events
from tests.fixtures.study import close_event, epoch_event, study_event, trial_event


def test_events_are_read_back_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    written = [ledger.append(event) for event in (study_event(), trial_event(0))]
    ledger.close()
    events, size = read_events(tmp_path / "ledger.jsonl")
    assert events == written
    assert [replace(event, time=0.0) for event in events] == [study_event(time=0.0), trial_event(0, time=0.0)]
    assert size == (tmp_path / "ledger.jsonl").stat().st_size
    assert read_events(tmp_path / "other.jsonl") == ([], 0)


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(study_event())
    with pytest.raises(LedgerError, match=r"trial_started is not \(.*trial.*\); nothing of it was written"):
        ledger.append(replace(trial_event(0), trial="../0000"))
    ledger.append(trial_event(0))
    ledger.close()
    assert [event.kind for event in read_events(tmp_path / "ledger.jsonl")[0]] == ["study", "trial_started"]


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_ledger_truncated_last_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(study_event())
    ledger.append(close_event())
    ledger.close()
    path.write_bytes(path.read_bytes()[:-cut])
    again = Ledger(path)
    assert again.truncated
    assert [event.kind for event in again.events] == ["study"]
    again.append(close_event("failed"))
    again.close()
    assert [event.kind for event in read_events(path)[0]] == ["study", "study_closed"]


@pytest.mark.parametrize("line", [b'{"eve\n', b"[1]\n", b'{"event":"trial_begun"}\n', b'{"event":"trial_finished"}\n'])
def test_ledger_damaged_line(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(encode(study_event()) + line + encode(close_event()))
    with pytest.raises(LedgerError, match="line 2 of"):
        read_events(path)


def test_ledger_last_line_of_an_unknown_kind_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(encode(study_event()) + b'{"event":"trial_begun"}\n')
    with pytest.raises(LedgerError, match="line 2 of"):
        Ledger(path)


@pytest.mark.parametrize(
    ("first", "found"), [(b'{"event":"study","id":"a"}\n', 1), (b'{"event":"study","schema":9}\n', 9)]
)
def test_ledger_another_schema(tmp_path: Path, first: bytes, found: int) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(first)
    with pytest.raises(LedgerError) as caught:
        Ledger(path)
    assert str(caught.value) == (
        f"a ledger must have schema {SCHEMA}, but {path} has schema {found}; search under another name, or use the "
        "version of retina that wrote it"
    )
    assert path.read_bytes() == first


def test_a_number_that_json_has_not_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        ledger.append(epoch_event(0, 1, float("nan")))
    ledger.close()
    assert (tmp_path / "ledger.jsonl").read_bytes() == b""


def test_a_line_is_never_glued_to_what_could_not_be_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes half a line, then not even the cut; later it takes both."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(study_event())
    disk = ledger._file

    class BadDisk:
        name = disk.name

        def write(self, line: bytes) -> int:
            return disk.write(line[: len(line) // 2])

        def truncate(self, end: int) -> int:
            raise OSError(errno.EIO, "the disk does not answer")

    monkeypatch.setattr(ledger, "_file", BadDisk())
    for _ in range(2):
        with pytest.raises(OSError):
            ledger.append(trial_event(0))
    monkeypatch.setattr(ledger, "_file", disk)
    ledger.append(close_event())
    ledger.close()
    assert [event.kind for event in read_events(tmp_path / "ledger.jsonl")[0]] == ["study", "study_closed"]


def test_each_name_is_in_memory_once_however_many_trials_say_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(study_event())
    for number in range(2):
        ledger.append(
            replace(epoch_event(0, number + 1, 0.5), scores={"val/" + "kappa": 0.5}, device="".join(["c", "pu"]))
        )
    ledger.close()
    for _, first, second in (ledger.events, read_events(tmp_path / "ledger.jsonl")[0]):
        assert isinstance(first, EpochFinished) and isinstance(second, EpochFinished)
        assert all(name is again for name, again in zip(first.scores, second.scores, strict=True))
        assert first.device is second.device
    assert ledger.events == read_events(tmp_path / "ledger.jsonl")[0]
