"""retina_data.layouts.image_search: where each listed image lies, and that none stands twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import scan, tree_of
from retina_data.layouts.image_search import (
    distinct_names,
    find_images,
    refuse_links_out,
    refuse_repeated,
    splits_by_folder,
)
from retina_data.layouts.label_files import Entry


def found(files: list[str], *listed: str, split: str = "train", folder: str = "") -> list[str]:
    entries = [Entry(name, 0, split, "labels.csv, line 2", folder=folder) for name in listed]
    return find_images(tree_of(Path("/data"), files), entries)


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["data/a.png", "images/a.png", "a.png", "x/a.png"], "data/a.png"),
        (["images/a.png", "a.png", "x/a.png"], "images/a.png"),
        (["a.png", "x/a.png"], "a.png"),
        (["images/a.png", "train/a.png"], "train/a.png"),
        (["train_images/train_images/a.png", "test/a.png"], "train_images/train_images/a.png"),
        (["images/a.png", "images/a.jpeg"], "images/a.jpeg"),
        (["images/A.PNG"], "images/A.PNG"),
        (["images/A.PNG", "x/a.png"], "x/a.png"),
        (["x/b.png"], ""),
    ],
)
def test_find_images_prefers_the_usual_places(files: list[str], chosen: str) -> None:
    assert found(files, "a") == [chosen]


def test_find_images_takes_the_folder_that_has_most_of_the_names() -> None:
    files = ["small/a.png", "whole/a.png", "whole/b.png", "whole/c.png"]
    assert found(files, "a", "b", "c") == ["whole/a.png", "whole/b.png", "whole/c.png"]


def test_find_images_takes_none_of_another_split() -> None:
    files = ["train/a.png", "test/a.png", "test/b.png"]
    assert found(files, "a", "b") == ["train/a.png", ""]
    assert found(files, "a", "b", split="test") == ["test/a.png", "test/b.png"]
    assert found(files, "b", split="") == ["test/b.png"] == found(files[1:], "b", split="val")


def test_find_images_stays_below_the_label_file_where_it_can() -> None:
    files = ["site1/images/a.png", "site2/images/a.png"]
    assert found(files, "a", folder="site2") == ["site2/images/a.png"]


def test_find_images_keeps_the_folders_and_the_extension_that_are_listed() -> None:
    files = ["images/odir/1.png", "images/eyepacs/1.png", "images/eyepacs/1.jpg"]
    assert found(files, "odir/1", "eyepacs/1.png") == ["images/odir/1.png", "images/eyepacs/1.png"]
    assert found(files, "messidor/1") == [""]


def test_a_link_out_of_the_data_set_is_refused_and_a_linked_folder_in_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "set" / "near").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.png").touch()
    (tmp_path / "set" / "near" / "a.png").touch()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "set" / "near")
    (tmp_path / "set" / "b.png").symlink_to(tmp_path / "far" / "a.png")
    tree = scan(tmp_path / "set")
    refuse_links_out(tree, [Entry("a", 0, "train", "l.csv, line 1")], ["linked/a.png"])
    with pytest.raises(DataError, match=r"b \(l.csv, line 1\) is a link that leads to .*far/a.png"):
        refuse_links_out(tree, [Entry("b", 0, "train", "l.csv, line 1")], ["b.png"])


def test_two_lines_of_one_file_are_refused_and_two_files_of_one_name_are_not() -> None:
    one, other = Entry("a", 0, "train", "l.csv, line 1"), Entry("a", 0, "test", "l.csv, line 2")
    refuse_repeated([one, other], ["train/a.png", "test/a.png"])
    refuse_repeated([one, other], ["", ""])
    for second, advice in (
        (replace(one, place="l.csv, line 9"), "delete one line of each"),
        (replace(one, grade=3), "their grades differ"),
        (replace(one, eye="left"), "the file's eyes differ"),
    ):
        with pytest.raises(DataError, match=advice):
            refuse_repeated([one, second], ["a.png", "a.png"])


def test_equal_names_are_told_apart_by_split_or_folder() -> None:
    entries = [Entry("a", 0, "train", ""), Entry("a", 0, "test", ""), Entry("b", 0, "", "")]
    assert [entry.image for entry in distinct_names(entries)] == ["train/a", "test/a", "b"]
    entries = [Entry("a", 0, "train", "", folder="x"), Entry("a", 0, "train", "", folder="y")]
    assert [entry.image for entry in distinct_names(entries)] == ["x/a", "y/a"]


def test_folders_say_the_split_where_no_label_file_does() -> None:
    entries = [Entry("a", 0, "", ""), Entry("b", 1, "", "place", folder="x"), Entry("c", 0, "val", "")]

    def splits(*files: str) -> list[str]:
        return [entry.split for entry in splits_by_folder(entries, list(files))]

    assert splits("train/a.png", "test_images/b.png", "train/c.png") == ["train", "test", "val"]
    assert splits("train/a.png", "images/b.png", "") == ["", "", "val"]
    assert splits("test/a.png", "test/b.png", "") == ["", "", "val"]
    assert splits_by_folder(entries, ["train/a.png", "test/b.png", ""])[1] == replace(entries[1], split="test")
