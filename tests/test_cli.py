"""Wrong input: one clear line, exit code 2, nothing half-written. What runs for real is in test_contract.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from study.cli import place
from study.ledger import locked
from tests.study_fixture import small_data

RETINA = [sys.executable, "-m", "study"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("cli") / "data", patients=12)


def _retina(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(home)}
    return subprocess.run([*RETINA, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def _refused(home: Path, *arguments: str) -> str:
    done = _retina(home, *arguments)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(home.glob("*/ledger.jsonl"))
    return lines[-1]


def _copy(data: Path, to: Path) -> Path:
    return Path(shutil.copytree(data, to))


def test_data_that_is_missing(tmp_path: Path) -> None:
    line = _refused(tmp_path, "search", "x", "--data", str(tmp_path / "nowhere"))
    assert "nowhere" in line
    assert "a new study needs data" in _refused(tmp_path, "search", "x")
    assert not (tmp_path / "x").exists()


def test_a_header_where_none_belongs(tmp_path: Path, data: Path) -> None:
    broken = _copy(data, tmp_path / "data")
    labels = broken / "train_label.csv"
    labels.write_text("level\n" + labels.read_text())
    line = _refused(tmp_path / "home", "data", "check", str(broken))
    assert "train_label.csv, line 1" in line
    assert "level" in line


def test_lengths_that_differ(tmp_path: Path, data: Path) -> None:
    broken = _copy(data, tmp_path / "data")
    labels = broken / "train_label.csv"
    lines = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join(lines[:-1]))
    line = _refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert str(len(lines)) in line
    assert str(len(lines) - 1) in line


def test_a_grade_of_seven(tmp_path: Path, data: Path) -> None:
    broken = _copy(data, tmp_path / "data")
    labels = broken / "test_label.csv"
    labels.write_text("7\n" + labels.read_text().split("\n", 1)[1])
    line = _refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert "7" in line
    assert "test_label.csv, line 1" in line


def test_images_that_are_not_there_are_named_up_to_ten(tmp_path: Path, data: Path) -> None:
    broken = _copy(data, tmp_path / "data")
    gone = sorted((broken / "images").iterdir())[:12]
    for file in gone:
        file.unlink()
    line = _refused(tmp_path / "home", "search", "x", "--data", str(broken))
    assert sum(f" {file.stem} (" in line for file in gone) == 10
    assert "2 more" in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--architecture", "vgg"], "architecture must be one of 'resnet18' or 'resnet50', but got architecture='vgg'"),
        (["--lr", "0"], "`lr > 0` must hold, but got lr=0.0"),
        (["--trials", "0"], "`trials >= 1` must hold, but got trials=0"),
        (["--weights", "resnet18"], "--weights must be ARCHITECTURE=FILE, but got 'resnet18'"),
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
    assert message in _refused(tmp_path, "search", "x", "--data", str(data), "--image-size", "32", *flags)


def test_a_yaml_key_that_does_not_exist_is_named_with_its_line(tmp_path: Path, data: Path) -> None:
    (tmp_path / "my.yaml").write_text("trials: 4\ntrails: 8\n")
    line = _refused(tmp_path / "home", "search", "x", "--data", str(data), "--config", str(tmp_path / "my.yaml"))
    assert "trails is no known key; did you mean trials? (my.yaml, line 2)" in line


def test_a_study_that_another_process_writes_is_refused(tmp_path: Path, data: Path) -> None:
    with locked(tmp_path / "busy"):
        done = _retina(tmp_path, "search", "busy", "--data", str(data))
    assert done.returncode == 75
    assert f"process {os.getpid()}" in done.stdout + done.stderr


def test_a_home_without_studies_is_no_error(tmp_path: Path) -> None:
    done = _retina(tmp_path, "status")
    assert done.returncode == 0
    assert "no studies in" in done.stdout
    assert not any(tmp_path.iterdir())
    assert "study none must exist" in _refused(tmp_path, "status", "none")
    assert "retina search" in _refused(tmp_path, "ui")


def test_a_report_of_no_study_says_what_to_do(tmp_path: Path) -> None:
    assert "run `retina search` first" in _refused(tmp_path, "report", "none")


def test_check_prints_what_the_files_say(tmp_path: Path, data: Path) -> None:
    done = _retina(tmp_path, "data", "check", str(data))
    assert done.returncode == 0
    assert "share of the majority class, grade 0" in done.stdout
    assert '"images"' in _retina(tmp_path, "data", "check", str(data), "--json").stdout


def test_every_path_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETINA_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert place(None).home == tmp_path / "runs"
    assert place(None).tracking_uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    monkeypatch.setenv("RETINA_HOME", "elsewhere")
    assert place(None).home == tmp_path / "elsewhere"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert (place(None).tracking_uri, place(None).artifacts) == ("http://127.0.0.1:5000", None)
