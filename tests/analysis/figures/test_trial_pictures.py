"""The two pictures of a trial, without pyplot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.figures import trial_pictures


def test_a_trials_pictures(tmp_path: Path) -> None:
    epochs = pd.DataFrame(
        {"epoch": [1, 2], "train/loss": [1.0, 0.5], "val/accuracy": [0.5, 0.7], "val/kappa": [0.1, 0.2]}
    )
    trial_pictures.curves_png(tmp_path / "curves.png", epochs)
    trial_pictures.curves_png(tmp_path / "one.png", pd.DataFrame([{"epoch": 1, "train/loss": 1.0}]))
    trial_pictures.confusion_png(tmp_path / "confusion.png", np.eye(5, dtype=np.int64), "0001")
    trial_pictures.confusion_png(tmp_path / "empty.png", np.zeros((5, 5), dtype=np.int64), "no image")
    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            sizes[path.name] = image.size
    assert sizes["curves.png"] == sizes["one.png"] == (900, 280)
    assert sizes["confusion.png"] == sizes["empty.png"] == (480, 420)


def test_neither_pyplot_nor_mlflow_is_loaded() -> None:
    heavy = "('matplotlib.pyplot', 'mlflow')"
    code = f"import analysis.figures.all_figures, sys; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
