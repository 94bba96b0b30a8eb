"""A MedMNIST file from search to report, with a search that asks whether the normalisation of colours helps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.command import retina
from tests.retina_data.layouts.test_medmnist import write_medmnist

CONFIG = """
trials: 4
seed: 4
early_stopping: none
sampler: random
fixed: {architecture: resnet18, pretrained: false, image_size: 28, crop: none, epochs: 1, batch_size: 16, lr: 0.01}
space: {colour: [none, graham]}
"""


def _retina(home: Path, *arguments: object) -> str:
    done = retina(home, *arguments, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_medmnist_file_is_searched_and_reported(tmp_path: Path) -> None:
    write_medmnist(tmp_path / "retina.npz")
    (tmp_path / "study.yaml").write_text(CONFIG)
    home = tmp_path / "home"
    text = _retina(home, "search", "m", "--data", tmp_path / "retina.npz", "--config", tmp_path / "study.yaml")
    assert "30 training and 8 validation images, 10 set aside" in text and "intervals are too narrow" in text
    events = [json.loads(line) for line in (home / "m" / "ledger.jsonl").read_text().splitlines()]
    colours = {event["config"]["colour"] for event in events if event["event"] == "trial_started"}
    assert colours == {"none", "graham"}
    caches = sorted(path for path in (home / "cache").iterdir() if path.is_dir())
    assert [path.name.split("-", 1)[1] for path in caches] == ["28-none", "28-none-graham"]
    plain, normalised = (np.load(path / "images.npy", mmap_mode="r") for path in caches)
    assert np.array_equal(plain[0], write_medmnist(tmp_path / "again.npz")["train_images"][0])  # type: ignore[index]
    assert not np.array_equal(plain, normalised)
    _retina(home, "report", "m")
    page = (home / "m" / "report" / "report.html").read_text("utf-8")
    assert "intervals are too narrow" in page and str(tmp_path) not in page
    assert "all its 4 trials" in _retina(home, "search", "m")
