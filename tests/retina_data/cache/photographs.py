"""A small data set of photographs in the lab's layout, and its cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from retina_data.cache.cache import Cache
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import DataSet, read_index
from retina_data.synthetic.painter import CAMERAS, draw_look, paint


def make_data(folder: Path, patients: int = 4) -> DataSet:
    (folder / "images").mkdir(parents=True)
    names = [f"{n}_{eye}" for n in range(patients) for eye in ("left", "right")]
    for n, name in enumerate(names):
        rng = np.random.default_rng(n)
        paint(0, "left", draw_look(rng), CAMERAS["a"], 48, rng).save(folder / "images" / f"{name}.jpeg")
    (folder / "train_img.csv").write_text("".join(f"{name}\n" for name in names))
    (folder / "train_label.csv").write_text("".join(f"{n % 5}\n" for n in range(len(names))))
    return read_index(folder)


def ready(data: DataSet, home: Path, size: int = 32, crop: str = "fov") -> Cache:
    return prepare(data, home, image_size=size, crop="none" if crop == "none" else "fov", progress=False)


def squash(data: DataSet, rows: range) -> None:
    """Squash photographs of a data set from 3:2 to a square, at the quality that they have."""
    for path in data.table["path"][rows]:
        image = Image.open(path)
        wide = Image.new("RGB", (round(1.5 * image.width), image.height))
        wide.paste(image, ((wide.width - image.width) // 2, 0))
        wide.resize((96, 96), Image.Resampling.BICUBIC).save(path, quality=95)
