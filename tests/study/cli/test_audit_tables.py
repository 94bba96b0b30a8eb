"""study.cli.audit_tables: the terminal says what was found, and shows names as they are."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from retina_data.audit.image_scan import look_at
from retina_data.audit.report import check
from retina_data.layouts.dataset import read_index
from study.cli.audit_tables import as_it_is, fates, print_audit
from tests.retina_data.audit.test_image_scan import relabel, write_photographs
from tests.retina_data.layouts.test_dataset import SHARED, needs_data


def printed(folder: Path, images: bool = True) -> str:
    data = read_index(folder, missing="keep")
    console = Console(width=160, record=True, file=io.StringIO())
    print_audit(console, check(data, look_at(data, progress=False) if images else None)[0])
    return console.export_text()


def test_counts_sizes_and_findings_are_printed(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    (folder / "images" / "3_left.png").write_bytes((folder / "images" / "0_left.png").read_bytes())
    text = printed(folder)
    assert text.startswith("Fit to train on, with 2 warnings to know before a score is believed. Images used: 12,")
    assert "field of view was found in 12 of 12 images" in text and "96x96 (12)" in text
    assert "majority class, grade 0" in text and "image size and file size alone: accuracy" in text
    assert "0_left = 3_left" in text and "duplicates, grades differ" in text


def test_ten_are_named_and_the_others_counted(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=13)
    for n in range(12):
        (folder / "images" / f"{n}_left.png").write_bytes(b"")
    text = " ".join(printed(folder).replace("│", " ").split())  # without the table's borders
    assert "9_left (the file is empty) and 2 more" in text


def test_labels_alone_say_so(tmp_path: Path) -> None:
    relabel(tmp_path, [("1_left", 0), ("1_right", 2)])
    text = printed(tmp_path, images=False)
    assert "labels only" in text and "field of view" not in text


def test_a_name_is_no_markup_and_no_control_code() -> None:
    assert as_it_is("[red]x\x1b[0m\n").plain == "[red]x [0m\n"


def test_files_are_named_where_they_are_few_and_counted_by_folder_where_not() -> None:
    many = [f"train/{n}.PNG" for n in range(7)] + ["train/x.jpeg", "a/b.png", "c/d.png", "e/f.png", "g"]
    assert fates({"fates": {"used": many, "neither picture nor label file": ["README"]}}) == [
        (12, "used", "train/ 7 .png, train/ 1 .jpeg, a/ 1 .png, c/ 1 .png and 2 more folders"),
        (1, "neither picture nor label file", "README"),
    ]


@needs_data
def test_the_labs_label_files_say_what_they_always_said() -> None:
    lines = [line.strip() for line in printed(SHARED / "lab_split", images=False).splitlines()]
    for line in (
        "labels only: none of the 35,123 images is beside the label files (data/, images/, beside)",
        "majority: share of the majority class, grade 0",
        "patients: 17,563, of them in both splits: 5,618",
        "eyes: left 17,562, right 17,561",
        "test eyes whose fellow eye is in train: 5,618 of 7,026",
        "copying the fellow eye's training grade, else 0: accuracy 0.84728, kappa 0.72299 (n 7,026), without looking "
        "at one image",
    ):
        assert line in lines
    assert lines[0].startswith("Not fit to train on yet: only the labels are here")
    assert lines[0].endswith("Images used: 0, left out: 0; patients: 17,563.")
