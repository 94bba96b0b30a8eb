"""retina_data.layouts.folder_tree: every file once, by name or content."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import all_pictures, counted, examples, hidden, scan


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_scan_finds_every_file_and_leftovers_apart(tmp_path: Path) -> None:
    tree = scan(touch(tmp_path, "b/x.png", "a.csv", "b/c/y.JPG", ".git/x.png", "__MACOSX/b/._x.png", "b/Thumbs.db"))
    assert tree.files == ("a.csv", "b/x.png", "b/c/y.JPG")
    assert tree.leftovers == (".git/x.png", "__MACOSX/b/._x.png", "b/Thumbs.db")
    assert tree.pictures == ("b/x.png", "b/c/y.JPG") and tree.texts == ("a.csv",)
    assert all_pictures(scan(touch(tmp_path, "b/eye.HEIC"))) == ["b/x.png", "b/c/y.JPG", "b/eye.HEIC"]


def test_scan_follows_links_to_folders_and_counts_each_once(tmp_path: Path) -> None:
    touch(tmp_path, "set/of 2019/x.png", "set/labels.csv", "elsewhere/y.png")
    (tmp_path / "set" / "images").symlink_to(tmp_path / "set" / "of 2019")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set")
    assert [file.rpartition("/")[2] for file in scan(tmp_path / "set").files] == ["labels.csv", "x.png"]
    (tmp_path / "set" / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="more is a link that leads to .*elsewhere"):
        scan(tmp_path / "set")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_scan_refuses_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    touch(tmp_path, "closed/x.png")
    (tmp_path / "closed").chmod(0)
    with pytest.raises(DataError, match="every folder of a data set must be readable"):
        scan(tmp_path)


def test_scan_of_a_folder_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be readable, but .*nowhere"):
        scan(tmp_path / "nowhere")


def test_scan_of_many_files_takes_a_fraction_of_a_second(tmp_path: Path) -> None:
    for folder in range(10):
        (tmp_path / str(folder)).mkdir()
        for number in range(300):
            (tmp_path / str(folder) / f"{number}.jpeg").touch()
    begun = time.process_time()
    assert len(scan(tmp_path).pictures) == 3000
    assert time.process_time() - begun < 0.3  # about 0.01 s


def test_examples_are_two() -> None:
    assert examples(["a", "b", "c"]) == "`a`, `b`"


def test_one_thing_is_counted_in_the_singular() -> None:
    assert (counted(1, "picture"), counted(1200, "picture")) == ("1 picture", "1,200 pictures")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="a.png is a pipe, a socket or a device; move it elsewhere"):
        scan(tmp_path)


def test_a_link_to_nothing_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert list(scan(tmp_path).files) == ["a.png"]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.png", os.O_CREAT))
    with pytest.raises(DataError, match=r"a file's name must be UTF-8, but '\\udcff.png' is not; rename it"):
        scan(tmp_path)


def test_pictures_are_known_by_their_content_where_their_names_do_not_say_it(tmp_path: Path) -> None:
    for name in ("a", "b.JPEG_", "d.csv"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "c").write_bytes(b"none")
    tree = scan(tmp_path)
    assert tree.misnamed == {"a": ".jpg", "b.JPEG_": ".jpg"} and all_pictures(tree) == ["a", "b.JPEG_"]


def test_hidden_pictures_are_no_leftovers_but_what_macos_notes_of_them_is(tmp_path: Path) -> None:
    for name in (".x.png", "._x.png", ".DS_Store", "y.png"):
        (tmp_path / name).touch()
    tree = scan(tmp_path)
    assert (tree.pictures, tree.leftovers) == (("y.png",), (".DS_Store", "._x.png"))
    assert hidden("a/.x.png") and all_pictures(tree) == ["y.png", ".x.png"]
