"""Wrong input: one clear line, exit code 2, nothing half-written. What runs for real is in test_contract.py."""

import gc
import os
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import UNAUTHENTICATED
from typer.main import get_command
from typer.testing import CliRunner

from study.cli import app
from study.cli.options import BUDGET, COMPUTE, FIX, STUDY
from study.storage.lock import locked
from study.versions import DISTRIBUTION
from tests.fixtures.command import copy_of, refused, retina, run
from tests.fixtures.study import small_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("cli") / "data", patients=12)


@pytest.mark.parametrize("command", [[], ["search"], ["data"], ["data", "check"]])
def test_help_is_short_too(command: list[str]) -> None:
    short = CliRunner().invoke(app.app, [*command, "-h"])
    assert short.exit_code == 0 and "Usage:" in short.output
    assert short.output == CliRunner().invoke(app.app, [*command, "--help"]).output


def _commands(group: Any, path: str = "retina") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(get_command(app.app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_help_first_line_is_short_and_not_cut_off(path: str) -> None:
    first = (COMMANDS[path].help or "").splitlines()[0]
    assert 0 < len(first) <= 60
    group = ["data"] if path.startswith("retina data ") else []
    assert f" {first} " in CliRunner().invoke(app.app, [*group, "--help"], env={"COLUMNS": "80"}).output


@pytest.mark.parametrize("path", COMMANDS)
def test_help_ends_with_examples_that_can_be_typed(path: str) -> None:
    _, *examples = (COMMANDS[path].epilog or "").split("\n\n")
    assert examples
    for example in examples:
        assert f"{example} ".startswith(f"{path} ")
        arguments = shlex.split(example.removeprefix(path))
        COMMANDS[path].make_context(path, arguments)  # raises for a flag that is not there


def test_search_help_has_its_flags_in_panels() -> None:
    panels = {option.rich_help_panel for option in COMMANDS["retina search"].params}
    assert {STUDY, BUDGET, COMPUTE, FIX} <= panels


def test_the_version_is_told_alone() -> None:
    told = CliRunner().invoke(app.app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"{version(DISTRIBUTION)}\n")


def test_garbage_is_looked_for_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    monkeypatch.setattr(app, "app", lambda: None)
    try:
        app.run_command()
        assert gc.isenabled() and gc.get_threshold() == app.COLLECT
    finally:
        gc.set_threshold(*before)


def test_an_address_that_is_not_mlflow_s_is_refused(tmp_path: Path) -> None:
    environment = os.environ | {"RETINA_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "nonsense://anna:secret@foo"}
    done = run(environment, "report", "x")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "MLFLOW_TRACKING_URI must begin with http://" in done.stderr and "'nonsense://***@foo'" in done.stderr


def test_data_that_is_missing(tmp_path: Path) -> None:
    line = refused(tmp_path, "search", "x", "--data", str(tmp_path / "nowhere"))
    assert "nowhere" in line
    assert "a new study needs data" in refused(tmp_path, "search", "x")
    assert not (tmp_path / "x").exists()


def test_lengths_that_differ(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    labels = broken / "train_label.csv"
    lines = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join(lines[:-1]))
    line = refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert str(len(lines)) in line
    assert str(len(lines) - 1) in line


def test_a_grade_of_seven(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    labels = broken / "test_label.csv"
    labels.write_text("7\n" + labels.read_text().split("\n", 1)[1])
    line = refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert "7" in line
    assert "test_label.csv, line 1" in line


def test_images_that_are_not_there_are_named_up_to_ten(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    gone = sorted((broken / "images").iterdir())[:12]
    for file in gone:
        file.unlink()
    line = refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert sum(f" {file.stem} (" in line for file in gone) == 10
    assert "2 more" in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--architecture", "vgg"], "architecture must be one of 'resnet18' or 'resnet50', but got architecture='vgg'"),
        (["--lr", "0"], "`lr > 0` must hold, but got lr=0.0"),
        (["--trials", "0"], "`trials >= 1` must hold, but got trials=0"),
        (["--weights", "resnet18"], "--weights must be ARCHITECTURE=FILE, imagenet or synthetic, but got 'resnet18'"),
        (["--weights", "resnet18=/none.pth"], "/none.pth is not a file"),
        (["--freeze-epochs", "2", "--no-pretrained"], "freeze_epochs"),
        (["--layout", "odd"], "odd"),
        (["--pretrained"], "no arm can run"),
    ],
)
def test_a_flag_that_breaks_a_rule(tmp_path: Path, data: Path, flags: list[str], message: str) -> None:
    environment_has_weights = (Path.home() / ".cache/torch/hub/checkpoints").exists()
    if "no arm" in message and environment_has_weights:
        pytest.skip("ImageNet weights may be on this machine")
    assert message in refused(tmp_path, "search", "x", "--data", str(data), "--image-size", "32", *flags)


def test_a_yaml_key_that_does_not_exist_is_named_with_its_line(tmp_path: Path, data: Path) -> None:
    (tmp_path / "my.yaml").write_text("trials: 4\ntrails: 8\n")
    line = refused(tmp_path / "home", "search", "x", "--data", str(data), "--config", str(tmp_path / "my.yaml"))
    assert "trails is no known key; did you mean trials? (my.yaml, line 2)" in line


def test_a_study_that_another_process_writes_is_refused(tmp_path: Path, data: Path) -> None:
    with locked(tmp_path / "busy"):
        done = retina(tmp_path, "search", "busy", "--data", str(data))
    assert done.returncode == 75
    assert f"process {os.getpid()}" in done.stdout + done.stderr


def test_what_mlflow_refuses_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuses() -> None:
        raise MlflowException("API request failed\n with status 401", error_code=UNAUTHENTICATED)

    monkeypatch.setattr(app, "app", refuses)
    with pytest.raises(SystemExit) as ended:
        app.run_command()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "retina: MLflow: it refuses what is sent (401): it wants a user: set MLFLOW_TRACKING_USERNAME"
    )
    assert said.count("\n") == 1


def test_a_report_without_its_server_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setattr("sys.argv", ["retina", "report", "s", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        app.run_command()
    assert ended.value.code == 2
    assert "must answer at http://127.0.0.1:1, but does not" in capsys.readouterr().err
