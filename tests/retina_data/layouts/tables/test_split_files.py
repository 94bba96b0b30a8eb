"""retina_data.layouts.tables.split_files: files that say splits, and are not read, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import Entry
from retina_data.layouts.tables.split_files import unread_lists, unread_split_files

USED = {f"{name}.png": Entry(name, 0, "", "") for name in "abcd"}
AS_TOLD = {f"{name}.png": Entry(name, 0, "test" if name in "cd" else "train", "") for name in "abcd"}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("split.csv", "image,split\na,train\nb,train\nc,test\nd,test\n"),
        ("partition.csv", "filename,set\na.png,train\nb.png,train\nc.png,test\nd.png,test\n"),
        ("more.csv", "filename,cohort\na,derivation\nb,derivation\nc,validation\nd,validation\n"),
        ("people.csv", "patient,split\n1,train\n2,test\n"),
        ("splits.json", "{}"), ("dataSplit.yaml", "a: 1"), ("partition.txt", "a train"), ("test.json", "[]"),
    ],
)  # fmt: skip
def test_a_file_that_says_splits_is_named(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    unread = [file] if file.endswith(".csv") else []
    [one] = unread_split_files(scan(tmp_path), USED, unread)
    assert (one.kind, one.only_warns) == ("split not understood", True)
    assert f"`{file}`" in one.text and "in a column `split`" in one.text
    assert not unread_split_files(scan(tmp_path), AS_TOLD, unread)


def test_a_file_of_other_images_or_without_splits_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("image,split\nx,train\ny,test\n")
    (tmp_path / "ages.csv").write_text("image,age,smoker\na,41,yes\nb,42,no\n")
    (tmp_path / "settings.json").write_text("{}")
    assert not unread_split_files(scan(tmp_path), USED, ["other.csv", "ages.csv"])


def test_a_line_that_is_too_short_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("split,image\ntrain,a\ntest,b\ntest\n")
    [one] = unread_split_files(scan(tmp_path), USED, ["split.csv"])
    assert "1 line of it is of another split" in one.text


def test_a_list_of_a_test_split_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_ids.txt").write_text("names\na\nb\n")
    [one] = unread_lists(scan(tmp_path), USED, ["test_ids.txt"])
    assert "may list the test split (2 images)" in one.text
