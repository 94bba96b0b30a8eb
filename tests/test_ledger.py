import errno
from pathlib import Path

import pytest

from study.ledger import (
    Ledger,
    LedgerError,
    StudyState,
    ranked,
    read_events,
    study_state,
)

TRIAL = {"trial": "0000", "group": "g", "number": 0, "params": {}, "distributions": {}}
CONFIG = {"architecture": "resnet18", "pretrained": False, "epochs": 2, "objective": "kappa"}


def _epoch(number: int, kappa: float | None, stop: bool = False) -> dict[str, object]:
    scores = {} if kappa is None else {"val/kappa": kappa}
    return {"trial": "0000", "epoch": number, "scores": scores, "stop": stop}


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


def test_an_epoch_counts_once_and_in_order() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL}])
    assert state.apply({"event": "epoch", **_epoch(1, 0.5)})
    assert not state.apply({"event": "epoch", **_epoch(1, 0.9)})
    assert not state.apply({"event": "epoch", **_epoch(3, 0.9)})
    assert state.trials["0000"].best_score() == 0.5
    assert not state.apply({"event": "trial", "time": 2.0, "config": CONFIG, **TRIAL})


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_is_a_year_off_makes_nothing_run_again(years: int) -> None:
    begun, wrong = 1.7e9, 1.7e9 + years * 365 * 86400
    events = [
        {"event": "trial", "time": begun, "config": CONFIG, **TRIAL},
        {"event": "epoch", "time": begun + 1, **_epoch(1, 0.5)},
        {"event": "epoch", "time": wrong, **_epoch(1, 0.6)},  # told again by a process with another clock
        {"event": "epoch", "time": wrong + 1, **_epoch(2, 0.7)},
        {"event": "end", "time": wrong + 2, "trial": "0000", "state": "complete", "reason": ""},
        {"event": "trial", "time": begun + 9, "config": CONFIG, **TRIAL},
    ]
    [record] = study_state(events).trials.values()
    assert [epoch["scores"]["val/kappa"] for epoch in record.epochs] == [0.5, 0.7]
    assert (record.state, record.started) == ("complete", begun)


def test_the_first_of_equal_epochs_is_the_best_and_undefined_ones_never_are() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": {**CONFIG, "epochs": 9}, **TRIAL}])
    for number, kappa in enumerate([None, 0.2, 0.4, 0.4, None], 1):
        state.apply({"event": "epoch", **_epoch(number, kappa)})
    best = state.trials["0000"].best()
    assert best is not None
    assert best["epoch"] == 3


def test_a_trial_whose_last_epoch_is_there_only_has_to_be_ended() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL}])
    record = state.trials["0000"]
    assert record.finishing is None
    state.apply({"event": "epoch", **_epoch(1, 0.5)})
    assert record.finishing is None
    state.apply({"event": "epoch", **_epoch(2, 0.5)})
    assert record.finishing == "complete"
    state.apply({"event": "end", "trial": "0000", "state": "complete", "reason": ""})
    assert record.finishing is None
    stopped = StudyState()
    stopped.apply({"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL})
    stopped.apply({"event": "epoch", **_epoch(1, 0.1, stop=True)})
    assert stopped.trials["0000"].finishing == "stopped"


def test_a_failed_trial_is_never_best_however_well_it_began() -> None:
    events = []
    for number, (kappa, end) in enumerate([(0.9, "failed"), (0.5, "complete"), (0.6, "stopped"), (0.8, None)]):
        trial = f"{number:04d}"
        events.append({"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL, "trial": trial, "number": number})
        events.append({"event": "epoch", **_epoch(1, kappa), "trial": trial})
        if end:
            events.append({"event": "end", "trial": trial, "state": end, "reason": ""})
    assert [record.trial for record in ranked(study_state(events).trials.values())] == ["0002", "0001"]


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
