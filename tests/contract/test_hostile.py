"""A folder of files that mean harm or were broken on the way: each is named, none crashes, exit codes are as agreed."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.command import run
from tests.retina_data.audit.test_image_scan import relabel, write_photographs

REFUSED = ("cut0", "cut10", "cuthalf", "cut2", "gif", "html", "bomb")
TAKEN = ("deep", "cmyk", "turned")


def _jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_photographs(tmp_path_factory.mktemp("hostile") / "data", count=12)
    images = folder / "images"
    photograph = Image.open(images / "3_left.png").convert("RGB")
    whole = _jpeg(photograph)
    for name, data in {
        "cut0": b"", "cut10": whole[:10], "cuthalf": whole[: len(whole) // 2], "cut2": whole[:-2],
        "html": b"<html><body>404</body></html>",
    }.items():  # fmt: skip
        (images / f"{name}.jpeg").write_bytes(data)
    photograph.save(images / "gif.jpeg", "GIF")
    Image.new("1", (30_000, 30_000)).save(images / "bomb.png")
    grey = np.asarray(Image.open(images / "4_left.png").convert("L")).astype(np.uint16) * 256
    Image.fromarray(grey).save(images / "deep.png")
    (images / "cmyk.jpeg").write_bytes(_jpeg(Image.open(images / "5_left.png").convert("CMYK")))
    exif = Image.Exif()
    exif[0x0112] = 6
    (images / "turned.jpeg").write_bytes(_jpeg(Image.open(images / "6_left.png").convert("RGB"), exif=exif))
    labels = [(f"{n}_left", n % 5) for n in range(12)] + [(name, 1) for name in (*REFUSED, *TAKEN)]
    relabel(folder, labels)
    return folder


def retina(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = run(dict(os.environ), *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_check_names_each_and_exits_with_1(hostile: Path, tmp_path: Path) -> None:
    done = retina("data", "check", hostile, "--json", "--page", tmp_path / "page.html")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    found = {one["kind"]: [name for group in one["names"] for name in group] for one in report["findings"]}
    assert sorted(found["unreadable"]) == sorted(REFUSED)
    assert not {name for kind, names in found.items() if kind != "unreadable" for name in names} & set(REFUSED)
    assert report["content"]["read"] == 15 and report["content"]["fov_found"] == 15
    assert (tmp_path / "page.html").is_file()


def test_prepare_fails_with_names_or_skips_and_records(hostile: Path, tmp_path: Path) -> None:
    failed = retina("data", "prepare", hostile, "--image-size", "32", "--home", tmp_path)
    assert failed.returncode == 2
    last = failed.stderr.strip().splitlines()[-1]
    assert all(f"{name}." in last for name in REFUSED) and "7 of 22" in last
    assert not list((tmp_path / "cache").glob("*-32-fov"))
    done = retina("data", "prepare", hostile, "--image-size", "32", "--home", tmp_path, "--on-error", "skip")
    assert done.returncode == 0 and all(f"skipped: {name}: " in done.stdout for name in REFUSED)
    (folder,) = (tmp_path / "cache").glob("*-32-fov")
    skipped = json.loads((folder / "manifest.json").read_text())["skipped"]
    assert {one["image"] for one in skipped} == set(REFUSED)
    assert "30000 x 30000" in str(skipped) or "more than" in str(skipped)
    images = np.load(folder / "images.npy", mmap_mode="r")
    assert not images[12:19].any() and images[19:].max(axis=(1, 2, 3)).min() > 60
    assert retina("data", "prepare", hostile, "--on-error", "odd").returncode == 2


@pytest.mark.parametrize("name", ["../3_left", "/etc/passwd", "a\\b", "images/../../3_left"])
def test_a_name_that_leads_out_is_1_for_check_and_2_for_prepare(tmp_path: Path, name: str) -> None:
    folder = write_photographs(tmp_path / "data", count=3)
    relabel(folder, [("0_left", 0), (name, 1), ("2_left", 2)])
    for command, code in (("check", 1), ("prepare", 2)):
        done = retina("data", command, folder)
        said = done.stdout if command == "check" else done.stderr
        assert done.returncode == code and repr(name) in said and "line 2" in said


def test_missing_images_are_1_for_check_and_2_for_prepare(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "data", count=4)
    (folder / "images" / "1_left.png").unlink()
    done = retina("data", "check", folder)
    assert done.returncode == 1 and "not there: 1 of 4" in done.stdout and "1_left" in done.stdout
    assert retina("data", "prepare", folder, "--home", tmp_path).returncode == 2
