"""The demo, made small: every step of it runs, and its products are there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from PIL import Image

from study.errors import ConfigError
from study.storage.home import Home
from study.workflows import demo

SMALL_DEMO = """
import sys
from study.cli import app
from study.workflows import demo
if __name__ == "__main__":  # painting starts processes that import this file again
    demo.PATIENTS, demo.SOURCE_PATIENTS = 24, 24
    demo.SOURCE |= {"epochs": 1}
    demo.SEARCH |= {"epochs": 1, "trials": 4}
    sys.argv = ["retina", "demo"]
    app.run_command()
"""


@pytest.mark.slow
def test_the_demo_ends_in_a_confirmation_and_a_report(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SMALL_DEMO)
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(tmp_path / "home"), "TORCH_HOME": str(tmp_path / "torch")}
    command = [sys.executable, str(tmp_path / "small.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    report = tmp_path / "home" / "demo" / "report"
    assert (report / "report.html").stat().st_size > 10_000
    cells = pd.read_csv(report / "four_way.csv")
    assert list(cells["status"]) == ["run"] * 4
    assert list(cells["seeds"]) == [demo.SEEDS] * 4
    assert set(cells["primary_endpoint"]) == {"test"}
    assert (report / "best.csv").exists()
    with Image.open(tmp_path / "home" / "demo-data" / "photographs.png") as sheet:
        assert sheet.size[0] == 1080
    assert "retina ui demo" in done.stdout
    page = (report / "report.html").read_text()
    assert "synthetic-resnet18.safetensors" in page  # the report says what pretraining means here


@pytest.mark.parametrize("ended", ["search", "confirm"])
def test_a_demo_that_was_interrupted_says_what_resumes_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ended: str
) -> None:
    for name in ("make_dataset", "_write_sheet", "_source_weights"):
        monkeypatch.setattr(demo, name, lambda *_, **__: {})
    monkeypatch.setattr(demo.search, "search", lambda *_: 130 if ended == "search" else 0)
    monkeypatch.setattr(demo.confirm, "confirm", lambda *_: 130)
    caplog.set_level("INFO")
    assert demo.run_demo(Home(tmp_path, "sqlite:///x.db", None)) == 130
    assert [one for one in caplog.messages if "retina demo" in one] == [caplog.messages[-1]]


def test_the_demo_s_budget_is_equal_for_all_arms() -> None:
    assert demo.SEARCH["trials"] % 4 == 0
    assert set(demo.SEARCH["space"]["architecture"]) == {"resnet18", "resnet50"}
    assert demo.SEARCH["space"]["pretrained"] == [False, True]


def test_imagenet_weights_are_used_where_both_are_there_and_never_mixed_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "imagenet_file", lambda name: tmp_path / name)
    monkeypatch.setattr(demo, "make_source_weights", lambda name, *_: tmp_path / f"made-{name}")
    (tmp_path / "resnet18").touch()
    made = {name: str(tmp_path / f"made-{name}") for name in ("resnet18", "resnet50")}
    assert demo._source_weights(tmp_path, tmp_path) == made
    (tmp_path / "resnet50").touch()
    both = {"resnet18": "imagenet", "resnet50": "imagenet"}
    assert demo._source_weights(tmp_path, tmp_path) == both


def test_a_disk_that_is_too_small_is_said_before_anything_is_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(ConfigError, match="must be free for checkpoints .* but only 1 MB are"):
        demo.run_demo(Home(tmp_path / "home", "sqlite://", None))
    assert not (tmp_path / "home").exists()
