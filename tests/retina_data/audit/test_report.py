"""retina_data.audit.report: everything that makes a score mean something else is found, by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from retina_data.audit import report
from retina_data.audit.findings import Finding
from retina_data.audit.image_scan import look_at
from retina_data.audit.report import check
from retina_data.layouts.dataset import ReadOptions, read_index
from tests.retina_data.as_people_have_them.builder import build, graded
from tests.retina_data.audit.test_image_scan import relabel, write_photographs
from tests.retina_data.layouts.test_dataset import SHARED, needs_data
from tests.retina_data.layouts.test_medmnist import write_medmnist


def found_in(folder: Path) -> tuple[dict[str, Finding], dict[str, list[list[str]]]]:
    """Findings, and the names of their images, by kind."""
    data = read_index(folder, missing="keep")
    report, findings = check(data, look_at(data, progress=False))
    assert json.loads(json.dumps(report)) == report
    assert [one["severity"] for one in report["findings"]] == [one.severity for one in findings]
    return {one.kind: one for one in findings}, {one["kind"]: one["names"] for one in report["findings"]}


def image_of(folder: Path, number: int) -> Path:
    return folder / "images" / f"{number}_left.png"


def test_sound_photographs_have_no_warning(tmp_path: Path) -> None:
    found, _ = found_in(write_photographs(tmp_path, count=10))
    assert {one.severity for one in found.values()} == {"note"}


def test_each_kind_is_found_and_named(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=14, size=256)
    relabel(folder, [(f"{n}_left", n % 5) for n in range(11)])
    relabel(folder, [(f"{n}_left", n % 5) for n in range(11, 14)], "test")
    image_of(folder, 0).unlink()
    image_of(folder, 1).write_bytes(image_of(folder, 2).read_bytes()[:-2])
    shutil.copy(image_of(folder, 3), image_of(folder, 4))  # grades 3 and 4
    shutil.copy(image_of(folder, 5), image_of(folder, 11))  # train and test
    image_of(folder, 12).unlink()
    Image.open(image_of(folder, 6)).convert("RGB").save(image_of(folder, 12).with_suffix(".jpeg"), quality=80)
    Image.new("RGB", (90, 90)).save(image_of(folder, 7))
    Image.new("RGB", (90, 90), (255, 255, 255)).save(image_of(folder, 8))
    Image.open(image_of(folder, 9)).resize((40, 40)).save(image_of(folder, 9))
    Image.new("RGB", (90, 90), (120, 60, 20)).save(image_of(folder, 10))
    found, names = found_in(folder)
    assert names["missing"] == [["0_left"]] and found["missing"].severity == "error"
    assert names["unreadable"] == [["1_left"]] and "the file ends early (1)" in found["unreadable"].text
    assert found["unreadable"].reasons == ("the file ends early",) and found["missing"].reasons == ()
    assert names["duplicates"] == [["3_left", "4_left"]] == names["duplicates, grades differ"][:1]
    assert names["duplicates across splits"] == [["5_left", "11_left"]]
    assert names["near-duplicates"] == [["6_left", "12_left"]] and "across splits: 1" in found["near-duplicates"].text
    assert names["near-duplicates, grades differ"] == [["6_left", "12_left"]]
    assert names["black"] == [["7_left"]] and names["blown out"] == [["8_left"]]
    assert names["tiny"] == [["9_left"]] and names["no field of view"] == [["10_left"]]
    warnings = {kind for kind, one in found.items() if one.severity == "warning"}
    assert {"duplicates", "black", "tiny", "no field of view", "near-duplicates"} <= warnings


def test_fellow_eyes_across_parts_are_a_warning(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=6)
    for n in range(3):
        shutil.move(image_of(folder, n + 3), folder / "images" / f"{n}_right.png")
    relabel(folder, [(f"{n}_left", 0) for n in range(3)])
    relabel(folder, [(f"{n}_right", 1) for n in range(3)], "test")
    found, _ = found_in(folder)
    assert (found["fellow eyes"].severity, found["fellow eyes"].count) == ("warning", 3)


def test_an_overlap_of_our_own_split_would_be_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(table: pd.DataFrame) -> pd.Series:
        return pd.Series(np.where(np.arange(len(table)) % 2, "val", "train"), index=table.index)

    folder = write_photographs(tmp_path)
    shutil.copy(image_of(folder, 0), image_of(folder, 3))
    assert "overlap" not in found_in(folder)[0]
    monkeypatch.setattr(report, "assign_splits", careless)
    found, names = found_in(folder)
    assert found["overlap"].severity == "error" and names["overlap"] == [["0_left", "3_left"]]


def test_too_few_patients_for_a_split_are_an_error(tmp_path: Path) -> None:
    found, _ = found_in(write_photographs(tmp_path, count=1))
    assert found["no split"].severity == "error" and "at least 2 patients" in found["no split"].text


def test_labels_alone_are_no_error(tmp_path: Path) -> None:
    relabel(tmp_path, [("1_left", 0), ("2_left", 3)])
    report, findings = check(read_index(tmp_path), None)
    assert report["verdict"]["text"].startswith("Not fit to train on yet: only the labels are here")
    assert "content" not in report and {one.severity for one in findings} == {"note"}


def test_a_medmnist_file_is_checked(tmp_path: Path) -> None:
    write_medmnist(tmp_path / "a.npz")
    data = read_index(tmp_path / "a.npz")
    report, findings = check(data, look_at(data, progress=False))
    assert report["content"]["read"] == 48 and report["content"]["size_only_baseline"] is None
    assert "error" not in {one.severity for one in findings} and "tiny" in {one.kind for one in findings}


@needs_data
def test_what_is_known_of_the_real_photographs_is_found() -> None:
    data = read_index(SHARED / "idrid")
    report, findings = check(data, look_at(data, progress=False))
    names = {one["kind"]: {tuple(sorted(name[-3:] for name in g)) for g in one["names"]} for one in report["findings"]}
    across, inside = {("021", "391"), ("073", "375"), ("079", "279")}, {("028", "327"), ("045", "333")}
    assert names["duplicates across splits"] == across and names["duplicates"] == inside
    assert names["duplicates, grades differ"] == {("021", "391"), ("028", "327")}
    assert report["content"]["fov_found"] == 413 and len(report["content"]["lowest_fov_support"]) == 10
    assert "error" not in {one.severity for one in findings}


def test_verdict_counts_images_and_patients(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    image_of(folder, 5).write_bytes(b"no picture")
    (folder / "images" / "extra.png").write_bytes(image_of(folder, 0).read_bytes())
    data = read_index(folder, missing="keep")
    report, _ = check(data, look_at(data, progress=False))
    assert report["verdict"] == {
        "severity": "error", "text": "Not fit to train on: 1 error to mend first, and 0 warnings.", "used": 11,
        "unused": 1, "patients": 12,
    }  # fmt: skip
    assert report["fates"]["not listed in the labels"] == ["images/extra.png"]


def test_what_would_be_left_out_is_an_error_unless_it_is_allowed(tmp_path: Path) -> None:
    build(tmp_path, {**graded("{folder}/{name}.png", "01234"), "odd/z.png": None})
    for options, severity in ((ReadOptions(), "error"), (ReadOptions(allow_unused=True), "warning")):
        found = {one.kind: one for one in check(read_index(tmp_path, options, missing="keep"), None)[1]}
        assert found["unknown grade folder"].severity == severity and found["unknown grade folder"].count == 1


def test_the_decision_on_the_field_of_view_is_said_where_it_is_no_circle(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=6)
    assert "field of view" not in found_in(folder)[0]
    for n in range(6):
        image = Image.open(image_of(folder, n))
        image.crop((-24, 0, 120, 96)).resize((96, 96), Image.Resampling.BICUBIC).save(image_of(folder, n))
        if n == 2:
            found, names = found_in(folder)
            assert found["field of view"].severity == "warning" and "others not" in found["field of view"].text
            assert names["field of view"] == [[f"{row}_left"] for row in range(3)]
    found, _ = found_in(folder)
    assert found["field of view"].severity == "note" and found["field of view"].count == 6
    assert "squashed: their field of view is an ellipse (6 of 6), made round" in found["field of view"].text
    for n in range(4):
        Image.effect_noise((96, 96), 60).convert("RGB").save(image_of(folder, n))
    found, _ = found_in(folder)
    assert (
        found["field of view"].severity == "warning" and "the whole frame is used of all" in found["field of view"].text
    )
    assert found["no field of view"].count == 4


def test_patients_that_are_wrong_are_an_error(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    names = [f"left_{n}" for n in range(12)]
    for n, name in enumerate(names):
        (folder / "images" / "c").mkdir(exist_ok=True)
        shutil.move(image_of(folder, n), folder / "images" / "c" / f"{name}.png")
    relabel(folder, [(f"c/{name}", n % 5) for n, name in enumerate(names)])
    found, _ = found_in(folder)
    one = found["doubtful patients"]
    assert (one.severity, one.count) == ("error", 12)
    assert "all 12 are taken for images of one; name the patients in a column" in one.text
    assert "doubtful patients" not in {
        one.kind for one in check(read_index(folder, ReadOptions(patient_pattern=r"(?P<patient>\d+)$")), None)[1]
    }


def test_one_photograph_of_many_patients_is_an_error(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    for n in range(1, 5):
        shutil.copy(image_of(folder, 0), image_of(folder, n))
    found, _ = found_in(folder)
    assert found["doubtful patients"].severity == "error"
    assert "5 images of 5 patients are byte for byte 1 photograph;" in found["doubtful patients"].text
    assert found["doubtful patients"].rows == ((0, 1, 2, 3, 4),)
    shutil.copy(image_of(folder, 7), image_of(folder, 4))
    assert "doubtful patients" not in found_in(folder)[0]
