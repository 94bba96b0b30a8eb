"""A small public set from its file to graded photographs, one command each, as docs say it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from study.storage.ledger import read_events
from study.storage.state import study_state
from tests.fixtures.command import retina
from tests.fixtures.recomputed import compare_report
from tests.retina_data.layouts.test_medmnist import write_medmnist

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "small.yaml"
FEW = ("--trials", "4", "--epochs", "2", "--finalists", "2", "--repeats", "1", "--early-stopping", "none")


def done(home: Path, *arguments: str) -> str:
    called = retina(home, *arguments)
    assert called.returncode == 0, called.stdout + called.stderr
    return called.stdout


def test_a_medmnist_file_goes_the_whole_way(tmp_path: Path) -> None:
    data, home, model = tmp_path / "retinamnist.npz", tmp_path / "home", tmp_path / "model"
    arrays = write_medmnist(data)
    done(home, "pretrain", "--patients", "16", "--epochs", "1", "--image-size", "28", "--architecture", "resnet18")
    arms = ("--architecture", "resnet18", "--weights", "resnet18=synthetic")
    done(home, "search", "small", "--config", str(CONFIG), "--data", str(data), *arms, *FEW)
    done(home, "confirm", "small", "--seeds", "2")
    done(home, "report", "small")
    state = study_state(read_events(home / "small" / "ledger.jsonl")[0])
    assert {record.arm for record in state.trials.values()} == {"resnet18-scratch", "resnet18-pretrained"}
    assert len(state.finalists) == 4 and all(record.end for record in state.runs().values())
    cells = pd.read_csv(home / "small" / "report" / "four_way.csv")
    assert list(cells[cells["status"] == "run"]["seeds"]) == [2, 2]
    assert "synthetic" in cells.loc[cells["arm"] == "resnet18-pretrained", "label"].item()
    assert (home / "small" / "report" / "ensembles.csv").exists() and (home / "small" / "report" / "gain.csv").exists()
    assert len(compare_report(home / "small" / "report", home / "small" / "checkpoints")) == 4
    home = home.rename(tmp_path / "moved")
    done(home, "export", "small", "--out", str(model), "--ensemble")
    assert not (tmp_path / "home").exists()
    Image.fromarray(np.asarray(arrays["test_images"])[0]).save(tmp_path / "eye.png")
    table = done(home, "predict", str(model), str(tmp_path / "eye.png"))
    assert table.splitlines()[0].startswith('"image","grade","p0"') and "eye.png" in table.splitlines()[1]
