"""The ledger's file: what counts, what is dropped, what is refused."""

import errno
from pathlib import Path

import pytest

from study.storage.ledger import Ledger, LedgerError, read_events
from tests.study.storage.test_state import CONFIG, TRIAL


def test_events_are_read_back_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("study", config={"trials": 3})
    ledger.append("trial", config=CONFIG, **TRIAL)
    ledger.close()
    events, size = read_events(tmp_path / "ledger.jsonl")
    assert [event["event"] for event in events] == ["study", "trial"]
    assert size == (tmp_path / "ledger.jsonl").stat().st_size
    assert read_events(tmp_path / "other.jsonl") == ([], 0)


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_a_torn_last_line_never_counted(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append("study", config={})
    ledger.append("close", state="complete")
    ledger.close()
    path.write_bytes(path.read_bytes()[:-cut])
    again = Ledger(path)
    assert again.torn
    assert [event["event"] for event in again.events] == ["study"]
    again.append("close", state="failed")
    again.close()
    assert [event["event"] for event in read_events(path)[0]] == ["study", "close"]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"event":"study"}\n{"eve\n{"event":"close"}\n')
    with pytest.raises(LedgerError, match="line 2 of"):
        read_events(path)


def test_a_number_that_json_has_not_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        ledger.append("epoch", scores={"val/loss": float("nan")})
    ledger.close()
    assert (tmp_path / "ledger.jsonl").read_bytes() == b""


def test_a_line_is_never_glued_to_what_could_not_be_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes half a line, then not even the cut; later it takes both."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("one")
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
            ledger.append("two")
    monkeypatch.setattr(ledger, "_file", disk)
    ledger.append("three")
    ledger.close()
    assert [event["event"] for event in read_events(tmp_path / "ledger.jsonl")[0]] == ["one", "three"]


def test_each_name_is_in_memory_once_however_many_trials_say_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for number in range(2):
        ledger.append(
            "epoch", **{"scores": {"val/" + "kappa": 0.5}, "dev" + "ice": "".join(["c", "p", "u"]), "n": number}
        )
    ledger.close()
    for first, second in (ledger.events, read_events(tmp_path / "ledger.jsonl")[0]):
        for one, other in ((first, second), (first["scores"], second["scores"])):
            assert all(name is again for name, again in zip(one, other, strict=True))
        assert first["device"] is second["device"]
    assert ledger.events == read_events(tmp_path / "ledger.jsonl")[0]
