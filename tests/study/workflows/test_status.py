import io
import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from study.errors import ConfigError
from study.storage.events import Event, encode
from study.storage.lock import locked
from study.workflows import status
from study.workflows.status import print_status, watch_status
from study.workflows.summary import summary
from tests.fixtures.study import (
    close_event,
    end_event,
    epoch_event,
    study_event,
    trial_event,
    write_ledger,
)  # fmt: skip


def _study(home: Path, name: str, *events: Event, truncated: bool = False) -> Path:
    with write_ledger(home / name, *events).open("a") as ledger:
        ledger.write('{"event": "ep' * truncated)
    return home / name


def _printed(home: Path, name: str | None = None, as_json: bool = False) -> str:
    text = io.StringIO()
    print_status(Console(file=text, width=140), home, name, as_json)
    return text.getvalue()


RUNNING = (
    study_event(trials=3),
    trial_event(0),
    epoch_event(0, 1, 0.6),
    epoch_event(0, 2, 0.4),
    end_event(0),
    trial_event(1),
)


def test_failures_stand_with_their_reasons(tmp_path: Path) -> None:
    _study(tmp_path, "bad", study_event(), trial_event(0), end_event(0, "failed", "the loss is not finite"))
    assert "failed: 0000: the loss is not finite" in _printed(tmp_path, "bad")


def test_all_studies_of_a_home_are_listed(tmp_path: Path) -> None:
    _study(tmp_path, "one", *RUNNING)
    _study(tmp_path, "two")
    text = _printed(tmp_path)
    assert "one" in text
    assert "two" in text
    assert [study["study"] for study in json.loads(_printed(tmp_path, as_json=True))] == ["one", "two"]


def test_an_empty_home_and_a_study_that_is_not_there(tmp_path: Path) -> None:
    assert "no studies in" in _printed(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="study x must exist"):
        _printed(tmp_path, "x")


DAMAGES = {
    "torn": (encode(study_event()) + b'{"event":"tri\n' + encode(close_event()), "each line of a ledger must be"),
    "lost": (encode(study_event()) + encode(epoch_event(0, 1, 0.5)), "each event of a ledger must follow"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_ledger_is_one_line_and_hides_no_other_study(tmp_path: Path, name: str) -> None:
    _study(tmp_path, "one", *RUNNING)
    _study(tmp_path, "two", *RUNNING)
    (_study(tmp_path, name) / "ledger.jsonl").write_bytes(DAMAGES[name][0])
    text = io.StringIO()
    console = Console(file=text, width=140, soft_wrap=True)
    assert not print_status(console, tmp_path, None, as_json=False)
    assert [line for line in text.getvalue().splitlines() if line.startswith(f"{name} is damaged: {DAMAGES[name][1]}")]
    assert text.getvalue().count("kappa 0.400 (trial 0000, n 5)") == 2
    text.truncate(0)
    assert not print_status(console, tmp_path, name, as_json=False)
    assert len(text.getvalue().splitlines()) == 1
    told = {study["study"]: study for study in json.loads(_printed(tmp_path, as_json=True))}
    assert (told["one"]["ended"], told[name]["state"]) == (1, "damaged")
    assert "restore the file from a copy" in told[name]["error"]
    assert print_status(console, tmp_path, "one", as_json=True)


def test_a_watch_ends_with_how_the_study_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, text, waits = _study(tmp_path, "living", *RUNNING), io.StringIO(), []
    console = Console(file=text, width=140)
    with ExitStack() as held:
        held.enter_context(locked(folder))

        def end(seconds: float) -> None:
            waits.append(seconds)
            event = end_event(1) if len(waits) == 1 else close_event("failed")
            with (folder / "ledger.jsonl").open("ab") as ledger:
                ledger.write(encode(event))
            if len(waits) == 2:
                held.close()

        monkeypatch.setattr(status.time, "sleep", end)
        assert watch_status(console, tmp_path, "living")
    assert waits == [status.WATCH_SECONDS] * 2
    rows = [line for line in text.getvalue().splitlines() if "living" in line]
    assert [("running" in row, "1/3" in row, "2/3" in row) for row in rows] == [
        (True, True, False), (True, False, True), (False, False, True)
    ]  # fmt: skip
    assert "failed" in rows[-1]


def test_a_writer_that_ends_while_the_status_is_printed_is_looked_at_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, text = _study(tmp_path, "living", *RUNNING), io.StringIO()
    read: list[Path] = []
    monkeypatch.setattr(status, "is_locked", lambda _: not read)
    monkeypatch.setattr(status, "summary", lambda folder: (summary(folder), read.append(folder))[0])
    monkeypatch.setattr(status.time, "sleep", lambda _: None)
    assert watch_status(Console(file=text, width=140), tmp_path, folder.name)
    assert [line for line in text.getvalue().splitlines() if "living" in line][-1].count("interrupted") == 2


def test_what_ended_a_study_and_what_comes_next_is_said(tmp_path: Path) -> None:
    commands = ["retina search s", "retina confirm s", "retina report s"]
    started = replace(study_event(trials=1), commands=commands)
    close = close_event("failed", "No space left on device")
    _study(tmp_path, "s", started, trial_event(0), close)
    text = io.StringIO()
    print_status(Console(file=text, width=200), tmp_path, "s", as_json=False, rerun_flags=" --home here")
    assert "failed: No space left on device\nnext: retina search s --home here\n" in text.getvalue()
    done = [started, trial_event(0, epochs=1), epoch_event(0, 1, 0.3)]
    _study(tmp_path, "t", *done, end_event(0), close_event())
    assert _printed(tmp_path, "t").endswith("next: retina confirm s\n")
    folder = _study(tmp_path, "u", *done, end_event(0, "failed", "diverged"), close)
    (folder / "checkpoints" / "0000").mkdir(parents=True)
    (folder / "checkpoints" / "0000" / "error.txt").touch()
    shown = "".join(_printed(tmp_path, "u").split())  # a terminal breaks long lines
    assert "failed:0000:diverged(" in shown and "checkpoints/0000/error.txttellsmore)" in shown
    assert summary(folder)["next"] == "retina search s", "nothing that could be confirmed"


def test_status_of_another_schema(tmp_path: Path) -> None:
    _study(tmp_path, "one", *RUNNING)
    (_study(tmp_path, "old") / "ledger.jsonl").write_text('{"event":"study","id":"a"}\n')
    told = {study["study"]: study for study in json.loads(_printed(tmp_path, as_json=True))}
    assert (told["old"]["state"], told["one"]["ended"]) == ("damaged", 1)
    assert "must have schema 3" in told["old"]["error"]
    assert "has schema 1; search under another name" in told["old"]["error"]
