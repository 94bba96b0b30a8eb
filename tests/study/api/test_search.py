"""run_search: the child's lines, errors and signals, without Ray."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import StudyConfig, run_search
from study.api.search import SearchError
from study.config.study import make_study_config
from study.config.yaml_file import read_study_config, to_yaml
from study.errors import ConfigError
from study.storage.lock import LockedError, locked

STUB = """#!/bin/bash
trap 'echo "signal: kept"; exit 130' INT
echo "$@" > "$(dirname "$0")/arguments"
cp "${@: -1}" "$(dirname "$0")/config.yaml" 2>/dev/null
echo first
%s
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of Python; a test writes what it does after its first line."""
    file = tmp_path / "bin" / "python"
    file.parent.mkdir()
    file.write_text(STUB % "exit 0")
    file.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(file))
    return file


def test_run_search_raises_wrong_input_with_the_commands_sentence(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(ConfigError, match="needs data") as raised:
        run_search("new", home=tmp_path, on_line=lines.append)
    assert not str(raised.value).startswith("retina: ")
    assert lines[-1] == f"retina: {raised.value}"


def test_run_search_raises_locked_where_another_process_writes(tmp_path: Path) -> None:
    (tmp_path / "busy").mkdir()
    with locked(tmp_path / "busy"), pytest.raises(LockedError, match="busy"):
        run_search("busy", home=tmp_path, on_line=lambda line: None)


def test_run_search_failure_is_a_search_error(child: Path, tmp_path: Path) -> None:
    child.write_text(STUB % "echo 'retina: the disk is full; free some space first'; exit 1")
    with pytest.raises(SearchError, match="^the disk is full; free some space first$"):
        run_search("full", home=tmp_path)
    child.write_text(STUB % "exit 9")
    with pytest.raises(SearchError, match="exited with 9"):
        run_search("full", home=tmp_path)


def test_run_search_lines_go_where_they_are_wanted(
    child: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child.write_text(STUB % "echo second >&2; exit 1")
    with caplog.at_level(logging.INFO), pytest.raises(SearchError):
        run_search("logged", home=tmp_path, on_line=logging.getLogger("search").info)
    assert caplog.messages == ["first", "second"]


def test_run_search_passes_everything_on(child: Path, tmp_path: Path) -> None:
    child.write_text(STUB % "exit 1")
    config = StudyConfig(trials=3, fixed={"epochs": 2})
    with pytest.raises(SearchError):
        run_search("all", tmp_path / "data", config, layout="kaggle", home=tmp_path, address="h:1", gpus_per_trial=0.5)
    flags = (child.parent / "arguments").read_text()
    wanted = f"--data {tmp_path / 'data'} --layout kaggle --home {tmp_path} --address h:1 --gpus-per-trial 0.5"
    assert flags.startswith(f"-m study search all {wanted} --config ")
    assert read_study_config(child.parent / "config.yaml") == config


def test_run_search_sees_a_weights_file_from_the_working_folder(
    child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child.write_text(STUB % "exit 1")
    monkeypatch.chdir(tmp_path)
    config = make_study_config({}, {"weights": {"resnet18": "weights/r18.safetensors"}})
    with pytest.raises(SearchError):
        run_search("relative", tmp_path / "data", config, home=tmp_path)
    weights = read_study_config(child.parent / "config.yaml").weights
    assert weights == {"resnet18": str(tmp_path / "weights/r18.safetensors")}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell cannot trap a signal that was ignored when it began, as in tests that run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_run_search_interrupt_is_passed_on_and_waited_for(child: Path, tmp_path: Path) -> None:
    child.write_text(STUB % "while true; do sleep 0.1; done")
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "first":
            raise KeyboardInterrupt  # as a notebook's stop button

    with pytest.raises(KeyboardInterrupt):
        run_search("stopped", home=tmp_path, on_line=on_line)
    assert lines == ["first", "signal: kept"]


def test_run_search_ends_the_child_where_on_line_fails(child: Path, tmp_path: Path) -> None:
    child.write_text(STUB % "while true; do sleep 0.1; done")

    def on_line(line: str) -> None:
        raise OSError(line)

    with pytest.raises(OSError, match="first"):
        run_search("broken", home=tmp_path, on_line=on_line)


def test_a_study_config_reads_back_from_its_file(tmp_path: Path) -> None:
    file, default = tmp_path / "study.yaml", make_study_config({}, {})
    other = make_study_config({}, {"objective": "accuracy", "trials": 7, "lr": 0.01})
    for config, same in ((StudyConfig(), default), (default, default), (other, other)):
        file.write_text(to_yaml(config))
        assert read_study_config(file) == same
