"""retina_data.layouts.tables.published: label files are known by their columns, wherever they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import scan, tree_of
from retina_data.layouts.label_files import LabelTable, ReadOptions
from retina_data.layouts.tables.published import (
    form_of,
    possible_tables,
    published,
    split_of_file,
    split_of_labels,
    tables_with,
    unread_tables,
)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name.replace('__', '/')}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "header", "form"),
    [
        ("any.csv", ("image", "level"), "kaggle"),
        ("any.csv", ("", "Unnamed: 0", "image", "level"), "kaggle"),
        ("any.csv", ("ID_code", " Diagnosis"), "aptos"),
        ("any.csv", ("Image name", "Retinopathy grade", "Risk of macular edema ", ""), "idrid"),
        ("any.csv", ("image_id", "adjudicated_dr_grade", "adjudicated_gradable"), "messidor2"),
        ("any.csv", ("patient_id", "image_id", "left_eye_DR_Level", "right_eye_DR_Level"), "deepdrid"),
        ("train/metadata.csv", ("file_name", "label"), "metadata"),
        ("any.csv", ("file_name", "label"), None),
        ("any.csv", ("id_code",), None),
        ("train.txt", ("a.jpg", "0"), "ddr"),
        ("train.txt", ("a.jpg", "No_DR"), "ddr"),
        ("train.txt", ("a.jpg", "good"), None),
        ("train.txt", ("a", "0"), None),
    ],
)
def test_form_of_a_header(name: str, header: tuple[str, ...], form: str | None) -> None:
    assert form_of(LabelTable(name, header, [])) == form


def test_published_files_are_found_at_any_depth_and_an_example_of_an_answer_is_none(tmp_path: Path) -> None:
    text = "id_code,diagnosis\na,0\n"
    write(tmp_path, train=text, below__valid=text, sample_submission=text, other="image,level\n", odd="x" * 20_000)
    assert published(scan(tmp_path)) == {"kaggle": ["other.csv"], "aptos": ["train.csv", "below/valid.csv"]}


def test_text_files_are_label_files_by_their_name_alone(tmp_path: Path) -> None:
    for name in ("README.txt", "train.txt", "labels.txt", "LICENSE.txt", "a.tsv"):
        (tmp_path / name).touch()
    assert possible_tables(scan(tmp_path)) == ["a.tsv", "labels.txt", "train.txt"]


def test_files_that_may_hold_labels_and_are_not_read_are_called_what_they_are() -> None:
    files = ("a.xlsx", "labels.json", "settings.json", "val.parquet", "a.csv", "a.png")
    assert unread_tables(tree_of(Path("/data"), files)) == {
        "a.xlsx": "an Excel table", "labels.json": "a JSON file", "val.parquet": "a Parquet file",
    }  # fmt: skip


def test_split_of_a_file_is_its_names_or_its_folders() -> None:
    names = ("train_1.csv", "b. Testing Labels.csv", "test/metadata.csv", "labels.csv")
    assert [split_of_file(name) for name in names] == ["train", "test", "test", ""]


def test_a_folder_says_the_split_of_labels_alone() -> None:
    names = ("val/labels.xlsx", "val/figures.xlsx", "figures/valid.xlsx")
    assert [split_of_labels(name) for name in names] == ["val", "", "val"]


def test_label_files_are_found_by_the_columns_that_the_user_names(tmp_path: Path) -> None:
    tree = scan(write(tmp_path, a="file;stage\n", b="File,Stage,more\n", c="file,level\n"))
    assert tables_with(tree, ReadOptions(image_column="file", grade_column="stage")) == ["a.csv", "b.csv"]
    with pytest.raises(DataError, match="columns 'file' and 'dr', but none"):
        tables_with(tree, ReadOptions(image_column="file", grade_column="dr"))
    with pytest.raises(DataError, match="must be given together"):
        tables_with(tree, ReadOptions(image_column="file"))
