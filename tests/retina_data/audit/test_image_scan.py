"""retina_data.audit.image_scan: each image is looked at once, and whatever is wrong with one is said, not raised."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from retina_data.audit.image_scan import MISSING, look_at, pictures
from retina_data.audit.repeats import NEAR
from retina_data.duplicates import near_groups
from retina_data.layouts.dataset import read_index
from retina_data.synthetic.painter import CAMERAS, draw_look, paint
from tests.retina_data.layouts.test_medmnist import write_medmnist

UNKNOWN = "no JPEG, PNG, TIFF, WEBP, BMP image"


def write_photographs(folder: Path, count: int = 6, size: int = 96) -> Path:
    """`count` different painted eyes in the lab's layout, all training."""
    (folder / "images").mkdir(parents=True)
    for n in range(count):
        rng = np.random.default_rng(n)
        picture = paint(n % 5, "left", draw_look(rng), CAMERAS["a"], size, rng)
        picture.save(folder / "images" / f"{n}_left.png")
    relabel(folder, [(f"{n}_left", n % 5) for n in range(count)])
    return folder


def relabel(folder: Path, rows: list[tuple[str, int]], split: str = "train") -> None:
    (folder / f"{split}_img.csv").write_text("".join(f"{name}\n" for name, _ in rows))
    (folder / f"{split}_label.csv").write_text("".join(f"{grade}\n" for _, grade in rows))


def test_a_photograph_is_measured(tmp_path: Path) -> None:
    data = read_index(write_photographs(tmp_path))
    content = look_at(data, progress=False)
    table = content.table
    assert table.index.equals(data.table.index) and (table["error"] == "").all()
    file = Path(data.table["path"][2])
    assert table["bytes"][2] == file.stat().st_size and (table["width"][2], table["height"][2]) == (96, 96)
    assert table["sha256"][2] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert table["fov_found"].all() and (table["fov_support"] > 0.7).all()
    assert (table["light"] > 60).all() and (table["white"] < 0.05).all()
    assert content.bits.shape == (6, 512) and 100 < content.bits[0].sum() < 412


def test_the_hash_hardly_changes_with_the_file(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=4, size=256)
    image = Image.open(folder / "images" / "0_left.png")
    image.resize((140, 140)).save(folder / "images" / "1_left.png")
    image.save(folder / "images" / "2_left.jpeg", quality=50)
    (folder / "images" / "2_left.png").unlink()
    bits = look_at(read_index(folder), progress=False).bits
    assert [int((bits[0] != other).sum()) < 24 for other in bits] == [True, True, True, False]


def test_what_cannot_be_read_is_an_error_of_its_row(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path)
    (folder / "images" / "1_left.png").write_bytes(b"words")
    (folder / "images" / "2_left.png").unlink()
    shutil.copy(folder / "images" / "1_left.png", folder / "images" / "3_left.png")
    data = read_index(folder, missing="keep")
    table = look_at(data, progress=False).table
    assert table["error"].tolist() == ["", UNKNOWN, MISSING, UNKNOWN, "", ""]
    assert table["sha256"][1] == table["sha256"][3] != "" and table["bytes"][1] == 5
    assert pictures(data, [0, 1], 64)[1] is None


def test_pictures_keep_their_shape_and_show_the_disc(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=2)
    Image.new("RGB", (200, 100), (120, 60, 20)).save(folder / "images" / "1_left.png")
    shown = pictures(read_index(folder), [0, 1], 80)
    assert shown[1] is not None and shown[1].size == (80, 40)
    ring = np.asarray(shown[0])
    assert ((ring[..., 2] > 200) & (ring[..., 0] < 140)).sum() > 60


def test_medmnist_is_looked_at_too(tmp_path: Path) -> None:
    write_medmnist(tmp_path / "a.npz")
    content = look_at(read_index(tmp_path / "a.npz"), progress=False)
    assert (content.table["width"] == 28).all() and content.table["sha256"].nunique() == 48


def test_exif_turned_files_state_their_own_size(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=2)
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100), (120, 60, 20)).save(file, "JPEG", exif=exif)
    (folder / "images" / "1_left.png").write_bytes(file.getvalue())
    assert look_at(read_index(folder), progress=False).table["width"][1] == 200


def test_squashed_eyes_are_no_near_duplicates_of_each_other_but_of_their_own_photograph(tmp_path: Path) -> None:
    count = 24
    folder = write_photographs(tmp_path, count=count, size=192)
    for n in range(count):
        image = Image.open(folder / "images" / f"{n}_left.png")
        wide = image.crop((-48, 0, 240, 192)) if n else image  # 3:2; the first is copied unsquashed too
        wide.resize((192, 192), Image.Resampling.BICUBIC).save(folder / "images" / f"{n}_left.png")
    first = Image.open(folder / "images" / "0_left.png")
    first.crop((-48, 0, 240, 192)).resize((192, 192), Image.Resampling.BICUBIC).save(folder / "images" / "1_left.png")
    content = look_at(read_index(folder), progress=False)
    assert content.table["fov_outline"].tolist() == ["circle"] + ["ellipse"] * (count - 1)
    groups = near_groups(content.bits, NEAR)
    assert groups.tolist() == [0, 0, *range(2, count)]
