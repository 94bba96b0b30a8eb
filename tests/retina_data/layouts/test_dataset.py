"""retina_data.layouts.dataset: layouts, patients, and each wrong input as one clear line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not on this machine")


def write_lab(
    folder: Path, train: str = "1_left\n1_right\nscan\n", labels: str = "0\n1\n4\n", ending: str = ""
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train_img.csv").write_bytes(train.encode())
    (folder / "train_label.csv").write_bytes(labels.encode())
    (folder / "test_img.csv").write_bytes(b"2_left\n")
    (folder / "test_label.csv").write_bytes(b"3\n")
    if ending:
        for name in ("1_left", "1_right", "scan", "2_left"):
            write_image(folder / "images" / f"{name}{ending}")
    return folder


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    formats = {".png": "PNG", ".tif": "TIFF"}
    Image.new("RGB", (8, 8)).save(path, formats.get(path.suffix.lower(), "JPEG"))


@pytest.mark.parametrize("ending", [".jpeg", ".JPG", ".png", ".TIF"])
def test_lab_layout_becomes_one_table(tmp_path: Path, ending: str) -> None:
    data = read_index(write_lab(tmp_path, ending=ending))
    table = data.table
    assert (data.layout, data.labels_only, data.notes) == ("lab", False, ())
    assert list(table.columns) == ["row", "image", "patient", "eye", "grade", "split", "path"]
    assert table["row"].tolist() == table.index.tolist() == [0, 1, 2, 3]
    assert table["patient"].tolist() == [0, 0, 1, 2]
    assert table["eye"].tolist() == ["left", "right", "", "left"]
    assert table["grade"].tolist() == [0, 1, 4, 3]
    assert table["split"].tolist() == ["train"] * 3 + ["test"]
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in table["path"])
    assert [str(table[column].dtype) for column in ("row", "patient", "grade")] == ["int64"] * 3


@pytest.mark.parametrize("place", ["data", "images", "."])
def test_images_are_found_in_a_folder_or_beside(tmp_path: Path, place: str) -> None:
    write_lab(tmp_path)
    for name in ("1_left", "1_right", "scan", "2_left"):
        write_image(tmp_path / place / f"{name}.jpeg")
    assert not read_index(tmp_path).labels_only


def test_bom_crlf_extensions_and_a_missing_last_newline_are_tolerated(tmp_path: Path) -> None:
    write_lab(tmp_path, ending=".jpeg")
    write_lab(tmp_path, "\ufeff1_left.jpeg\r\n1_right.JPEG\r\nscan.png", "\ufeff0\r\n1\r\n4")
    table = read_index(tmp_path).table
    assert table["image"].tolist()[:3] == ["1_left.jpeg", "1_right.JPEG", "scan.png"]
    assert table["patient"].tolist() == [0, 0, 1, 2]
    assert [Path(path).name for path in table["path"]][:3] == ["1_left.jpeg", "1_right.jpeg", "scan.jpeg"]


def test_kaggle_layout_is_read_and_the_lab_is_preferred(tmp_path: Path) -> None:
    (tmp_path / "trainLabels.csv").write_text("image,level\n10_left,0\n10_right,2\n")
    for name in ("10_left", "10_right"):
        write_image(tmp_path / "train" / f"{name}.jpeg")
    alone = read_index(tmp_path)
    assert (alone.layout, alone.table["grade"].tolist()) == ("kaggle", [0, 2])
    write_lab(tmp_path, ending=".jpeg")
    both = read_index(tmp_path, missing="keep")
    assert both.layout == "lab" and "kaggle" in both.notes[0]
    with pytest.raises(DataError, match="`trainLabels.csv` has grades of 2 pictures that are not used"):
        read_index(tmp_path)
    assert read_index(tmp_path, "kaggle").layout == "kaggle"
    assert read_index(tmp_path / "trainLabels.csv").layout == "kaggle"
    assert read_index(tmp_path / "train_img.csv").layout == "lab"


def test_no_image_at_all_is_labels_only(tmp_path: Path) -> None:
    data = read_index(write_lab(tmp_path))
    assert data.labels_only and set(data.table["path"]) == {""} and "labels only" in data.notes[0]


@pytest.mark.parametrize(
    ("train", "labels", "expected"),
    [
        ("image\n1_left\nscan\n", "0\n1\n4\n", "header.*'image'.*train_img.csv, line 1"),
        ("1_left\n1_right\nscan\n", "level\n0\n1\n", "header.*'level'.*train_label.csv, line 1"),
        ("1_left\n1_right\n", "0\n1\n4\n", "train_img.csv has 2.*train_label.csv has 3"),
        ("1_left\n1_right\nscan\n", "0\n7\n4\n", "'7'.*train_label.csv, line 2"),
        ("1_left\n1_right\nscan\n", "0\n1.0\n4\n", r"'1\.0'.*train_label.csv, line 2"),
        ("1_left\n\nscan\n", "0\n1\n4\n", "blank.*train_img.csv, line 2"),
        ("1_left\n1_right\nscan\n\n", "0\n1\n4\n", "blank.*train_img.csv, line 4"),
        ("1_left\n1_right\n1_left.jpeg\n", "0\n1\n4\n", "once.*train_img.csv, line 1 and train_img.csv, line 3"),
        ("1_left\n1_right\n2_left\n", "0\n1\n4\n", "once.*train_img.csv, line 3 and test_img.csv, line 1"),
        ("1_left\n../1_right\nscan\n", "0\n1\n4\n", r"'\.\./1_right'.*train_img.csv, line 2"),
        ("1_left\n/etc/x\nscan\n", "0\n1\n4\n", "'/etc/x'.*line 2"),
        ("1_left\na\\b\nscan\n", "0\n1\n4\n", "backslash.*line 2"),
        ("1_left\na\0b\nscan\n", "0\n1\n4\n", "NUL.*line 2"),
        ("0,1_left\n1,1_right\n2,scan\n", "0\n1\n4\n", "one column.*line 1"),
        ("", "", "test_img"),
    ],
)
def test_broken_label_files_are_one_clear_line(tmp_path: Path, train: str, labels: str, expected: str) -> None:
    write_lab(tmp_path, train, labels, ending=".jpeg")
    if expected == "test_img":  # an empty train list beside a test list is read, and left to the split to refuse
        assert read_index(tmp_path).table["split"].tolist() == ["test"]
        return
    with pytest.raises(DataError, match=expected) as caught:
        read_index(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_images_are_named_up_to_ten(tmp_path: Path) -> None:
    names = [f"{n}_left" for n in range(20)]
    write_lab(tmp_path, "".join(f"{name}\n" for name in names), "0\n" * 20)
    write_image(tmp_path / "data" / "0_left.jpeg")
    write_image(tmp_path / "data" / "2_left.jpeg")
    (tmp_path / "test_img.csv").write_text("30_left\n")
    with pytest.raises(DataError, match=r"19 of 21 are not there.* and 9 more") as caught:
        read_index(tmp_path)
    assert str(caught.value).count("_left (") == 10


def test_missing_folder_and_unknown_layout_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_index(tmp_path / "nowhere")
    with pytest.raises(DataError, match="train_img.csv.*trainLabels.csv"):
        read_index(tmp_path)
    with pytest.raises(DataError, match="one of lab, kaggle"):
        read_index(tmp_path, "other")
    (tmp_path / "train_img.csv").write_text("1_left\n")
    with pytest.raises(DataError, match="train_label.csv does not exist"):
        read_index(tmp_path)


def test_kaggle_needs_its_header_and_two_columns(tmp_path: Path) -> None:
    file = tmp_path / "trainLabels.csv"
    file.write_text("10_left,0\n")
    with pytest.raises(DataError, match="header.*line 1"):
        read_index(tmp_path)
    file.write_text("image,level\n10_left\n")
    with pytest.raises(DataError, match="line 2"):
        read_index(tmp_path)
    file.write_bytes(b"image,level\n10_left,0\n\xff,1\n")
    with pytest.raises(DataError, match="UTF-8.*line 3"):
        read_index(tmp_path)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    write_lab(tmp_path / "set", ending=".jpeg")
    write_image(tmp_path / "secret.jpeg")
    (tmp_path / "set" / "images" / "scan.jpeg").unlink()
    (tmp_path / "set" / "images" / "scan.jpeg").symlink_to(tmp_path / "secret.jpeg")
    with pytest.raises(DataError, match="scan .*link"):
        read_index(tmp_path / "set")


@needs_data
def test_real_photographs_are_read_as_the_labs() -> None:
    data = read_index(SHARED / "idrid")
    assert data.layout == "lab" and not data.labels_only and len(data.notes) == 1
    assert data.table["split"].value_counts().to_dict() == {"train": 333, "test": 80}
    assert data.table["patient"].nunique() == 413


def test_a_data_set_whose_own_path_no_table_could_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"DATA must be a path in UTF-8, but '.*d\\udce4ta' is not; rename it"):
        read_index(tmp_path / os.fsdecode(b"d\xe4ta"))
