"""A ledger that somebody else wrote: one line, no other study hidden, and nothing outside the home touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.security.conftest import NAME, OTHER, Retina, World

STUDY, TRIAL, EPOCH, END, CLOSE = range(5)


def field(number: int, *keys: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Set a field of an event to the last of the keys; of a trial's name, wherever it stands."""

    def change(events: list[dict[str, Any]]) -> None:
        values: Any = events[number]
        for key in keys[:-2]:
            values = values[key]
        values[keys[-2]] = keys[-1]

    return change


def renamed(name: str) -> Callable[[list[dict[str, Any]]], None]:
    """Call the trial so in all its events."""

    def change(events: list[dict[str, Any]]) -> None:
        for event in events:
            if "trial" in event:
                event["trial"] = name

    return change


NAMES = ("../../../x", "..", "../../outside/0000", "/etc", "a/b", "0000\0", "x" * 300, "", "\x1b[2J", "é")
BAD = {
    **{f"trial {ascii(name)[:24]}": renamed(name) for name in NAMES},
    "digest out": field(STUDY, "identity", "data_digest", "../../outside/x/"),
    "digest short": field(STUDY, "identity", "data_digest", "../" * 6),
    "id": field(STUDY, "id", "../x"),
    "fold without end": field(STUDY, "config", "fold", "1/1000000000"),
    "fold beyond": field(STUDY, "config", "fold", "9/3"),
    "trials without end": field(STUDY, "config", "trials", 10**15),
    "arm": field(STUDY, "arms", ["../x"]),
    "weights": field(STUDY, "weights", {"resnet18": {"source": "x", "digest": "../" * 20}}),
    "command": field(STUDY, "commands", ["retina search eyes; rm -rf ~"]),
    "command with an escape": field(STUDY, "commands", ["retina search \x1b[8meyes"]),
    "versions": field(STUDY, "versions", {}),
    "audit": field(STUDY, "audit", [[[[1]]]]),
    "epoch": field(EPOCH, "epoch", 10**12),
    "number": field(TRIAL, "number", -(10**9)),
    "config": field(TRIAL, "config", "epochs", 10**12),
    "config missing": field(TRIAL, "config", {}),
    "confusion": field(EPOCH, "confusion", [[1]]),
    "score": field(EPOCH, "scores", {"val/kappa": "high"}),
    "state": field(END, "state", "\x1b]0;x\x07"),
    "kind": field(CLOSE, "event", "../x"),
    "time": field(TRIAL, "time", 1e308),
    "duplicate": field(TRIAL, "duplicate_of", "../../x"),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_a_ledger_that_breaks_a_rule_is_one_line_and_hides_no_other(
    world: World, retina: Retina, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    events, before = world.events(), world.canary()
    change(events)
    world.write(events)
    artifacts = sorted((world.home / "mlartifacts").rglob("*"))
    code, said = retina("status")
    assert code == 1 and "\x1b" not in said
    assert len([line for line in said.splitlines() if line.startswith(f"{NAME} is damaged: ")]) == 1
    assert any(OTHER in line and "complete" in line for line in said.splitlines())
    assert sorted((world.home / "mlartifacts").rglob("*")) == artifacts
    assert retina("delete", NAME, "--yes")[0] in (0, 2)
    assert world.canary() == before
    assert (world.home / OTHER / "ledger.jsonl").exists()


LINES = {
    "deep": b"[" * 200_000 + b"\n",
    "deep objects": b'{"a":' * 100_000 + b"\n",
    "markup": b'{"event":"[/x]"}\n',
    "not text": b"\xff\xfe\x00\n",
    "digits": b'{"event":' + b"9" * 10_000 + b"}\n",
    "nan": b'{"event":"epoch","time":NaN}\n',
    "empty": b"\n",
    "list": b"[]\n",
    "null": b"null\n",
    "nul": b"\0" * 100 + b"\n",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_line_that_is_no_event(world: World, retina: Retina, line: bytes, first: bool) -> None:
    before, ledger = world.canary(), world.study / "ledger.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(line + whole if first else whole + line + whole)
    code, said = retina("status")
    assert code == 1 and len(said) < 5_000
    assert f"{NAME} is damaged: " in said and OTHER in said
    assert world.canary() == before


def test_the_ledger_of_another_study_does_not_take_its_runs(world: World, retina: Retina) -> None:
    """A copy of another study's ledger under a second name: what belongs to the other stays the other's."""
    before = world.canary()
    (world.home / "copy").mkdir()
    shutil.copy(world.home / OTHER / "ledger.jsonl", world.home / "copy")
    runs = sorted((world.home / "mlartifacts" / OTHER).iterdir())
    assert runs
    assert retina("delete", "copy", "--yes")[0] == 0
    assert sorted((world.home / "mlartifacts" / OTHER).iterdir()) == runs
    assert (world.home / OTHER / "ledger.jsonl").exists() and not (world.home / "copy").exists()
    assert world.canary() == before


def test_a_home_inside_another_home_is_not_deleted_with_it(world: World, retina: Retina) -> None:
    inner = world.study / "runs" / "theirs"
    inner.mkdir(parents=True)
    shutil.copy(world.home / OTHER / "ledger.jsonl", inner)
    code, said = retina("delete", NAME, "--yes")
    assert code == 0 and f"stays: {world.study / 'runs'}" in said
    assert (inner / "ledger.jsonl").exists() and not (world.study / "ledger.jsonl").exists()


def test_a_home_in_a_study_s_own_folder_keeps_it(world: World, retina: Retina) -> None:
    inner = world.study / "checkpoints" / "home" / "theirs"
    inner.mkdir(parents=True)
    shutil.copy(world.home / OTHER / "ledger.jsonl", inner)
    code, said = retina("delete", NAME, "--yes")
    assert code == 2 and "must hold no other study" in said
    assert (world.study / "ledger.jsonl").exists()


def test_names_that_differ_in_their_case_alone_are_refused(world: World, retina: Retina) -> None:
    events = world.events()
    for name in ("aB", "Ab"):
        events.insert(TRIAL, {**events[TRIAL], "trial": name})
    world.write(events)
    code, said = retina("status")
    assert code == 1 and "is there in other letters" in said


def test_texts_of_a_ledger_move_no_cursor(world: World, retina: Retina) -> None:
    """Each text that passes the gate and is shown: a reason, notes, an arm that was not run."""
    events, evil = world.events(), "\x1b[31m[/x][bold]\x9b2J\u202e\nnext: rm"
    events[END] |= {"state": "failed", "reason": evil}
    events[CLOSE] |= {"state": "failed", "reason": evil}
    events[STUDY] |= {"not_run": {"resnet50-pretrained": evil}, "notes": [evil]}
    events[STUDY]["weights"] = {"resnet18": {"source": evil, "digest": "a" * 64, "kind": evil}}
    world.write(events)
    for arguments in (["status"], ["status", NAME], ["status", NAME, "--json"]):
        code, said = retina(*arguments)
        assert code == 0
        assert not set("\x1b\x9b\u202e") & set(said)
        assert "next: rm" not in [line.strip() for line in said.splitlines()]
    assert "[bold]" in said
    assert json.loads(said[: said.rindex("]") + 1])[0]["failures"] == {"0000": evil}


@pytest.mark.parametrize("name", ["-x", ".hidden", "a b", "é", "x" * 65])
def test_a_folder_that_no_study_can_be_is_none(world: World, retina: Retina, name: str) -> None:
    (world.home / name).mkdir()
    shutil.copy(world.home / OTHER / "ledger.jsonl", world.home / name)
    before = sorted(path.name for path in (world.home / name).iterdir())
    code, said = retina("status")
    assert code == 0 and name not in said
    assert sorted(path.name for path in (world.home / name).iterdir()) == before


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "file", ["ledger.jsonl", "lock", "synced", "study.yaml", "checkpoints/0000/predictions.parquet"]
)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(world: World, retina: Retina, file: str) -> None:
    before = world.canary()
    (world.study / file).unlink(missing_ok=True)
    os.mkfifo(world.study / file)
    code, said = retina("status")
    assert code in (0, 1) and OTHER in said
    assert retina("status", NAME, "--sync")[0] in (0, 1, 2)
    assert retina("delete", NAME, "--yes")[0] in (0, 2)
    assert world.canary() == before
