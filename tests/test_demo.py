"""The demo, made small: every step of it runs, and its products are there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from rich.console import Console

from retina_models.resnet import ARCHITECTURES, BasicBlock, Bottleneck
from study import demo
from study.config import ConfigError
from study.place import Place

pytestmark = pytest.mark.slow

SMALL_DEMO = """
import sys
from study import cli, demo
if __name__ == "__main__":  # painting starts processes that import this file again
    demo.PATIENTS, demo.SOURCE_PATIENTS, demo.SIZE = 24, 24, 32
    demo.SOURCE |= {"image_size": 32}
    demo.SOURCE_EPOCHS |= {"resnet18": 1, "resnet50": 1}
    demo.SEARCH |= {"epochs": 1, "image_size": 32, "trials": 4}
    sys.argv = ["retina", "demo"]
    cli.main()
"""


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
    assert set(cells["headline"]) == {"test"}
    assert (report / "best.csv").exists()
    assert "retina ui demo" in done.stdout
    page = (report / "report.html").read_text()
    assert "source-resnet18.safetensors" in page  # the report says what pretraining means here


def test_the_demo_s_budget_is_equal_for_all_arms() -> None:
    assert demo.SEARCH["trials"] % 4 == 0
    assert set(demo.SEARCH["space"]["architecture"]) == {"resnet18", "resnet50"}
    assert demo.SEARCH["space"]["pretrained"] == [False, True]


def test_source_networks_begin_as_their_skip_connections() -> None:
    for name in ("resnet18", "resnet50"):
        network = ARCHITECTURES[name](5).train()
        network.load_state_dict(demo._quiet_start(name).state)
        for module in network.modules():
            if isinstance(module, BasicBlock | Bottleneck) and module.downsample is None:
                width = module.conv1.in_channels
                x = torch.rand(
                    2, width, 4, 4, generator=torch.Generator().manual_seed(0)
                )  # not negative, as after ReLU
                assert torch.equal(module(x), x)


def test_a_disk_that_is_too_small_is_said_before_anything_is_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(ConfigError, match="must be free for checkpoints .* but only 1 MB are"):
        demo.run_demo(Place(tmp_path / "home", "sqlite://", None), Console())
    assert not (tmp_path / "home").exists()
