"""retina_data.layouts.folder_tree: every file once, by name or content; and the splits that names say."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import (
    all_pictures,
    counted,
    examples,
    hidden,
    made_from_photographs,
    names_images,
    scan,
    split_named,
    split_of_path,
    without_copies,
    without_split,
)


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
    touch(tmp_path, "elsewhere/x.png", "set/labels.csv")
    (tmp_path / "set" / "images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set")
    assert [file.rpartition("/")[2] for file in scan(tmp_path / "set").files] == ["labels.csv", "x.png"]


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


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train_img", "train"), ("trainLabels", "train"), ("train_1", "train"), ("a. Training Set", "train"),
        ("resized train 15", "train"), ("regular-fundus-training", "train"), ("valid", "val"), ("Validation", "val"),
        ("val_images", "val"), ("testLabels15", "test"), ("TestingSet", "test"), ("retinopathy_solution", "test"),
        ("TEST", "test"), ("images", ""), ("train_test", ""), ("values", ""), ("contest", ""), ("latest", ""),
        ("constrained", ""), ("validación", "val"), ("Entraînement", "train"), ("treino", "train"), ("prueba", "test"),
        ("validated", ""), ("improvable", ""),
    ],
)  # fmt: skip
def test_split_named_reads_the_words_of_a_name(name: str, split: str) -> None:
    assert split_named(name) == split


def test_split_of_path_is_the_outermost() -> None:
    assert split_of_path("archive/test/train_images") == "test" and split_of_path("") == ""


def test_names_images_knows_folders_that_say_nothing_of_a_collection() -> None:
    assert names_images("Images") and names_images("val_images") and not names_images("eyepacs")


@pytest.mark.parametrize(
    ("folder", "left"),
    [
        ("clahe", ("", "clahe")), ("resized_512", ("", "resized")), ("train_augmented", ("", "augmented")),
        ("1. Original Images", ("", "original")), ("ResizedImages", ("", "resized")), ("odir-aug2", ("odir", "aug2")),
        ("odir_cropped", ("odir", "cropped")), ("eyepacs", ("eyepacs", "")), ("August", ("August", "")),
        ("512x512", ("", "512x512")), ("P001", ("P001", "")),
    ],
)  # fmt: skip
def test_words_of_copies_are_taken_off_a_folders_name(folder: str, left: tuple[str, str]) -> None:
    assert without_copies(folder) == (left if left[1] else (folder, ""))


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


@pytest.mark.parametrize(
    ("folder", "parts"),
    [
        ("images", 0), ("Mask", 1), ("OD_Segmentation/masks", 2), ("1. Groundtruths", 1), ("Ground Truth", 1),
        ("Grad-CAM", 1), ("vessel_maps", 1), ("thumbs", 1), ("od", 1), ("gt", 1), ("camera", 0),
        ("masked", 0), ("0_No_DR", 0), ("labels", 1), ("label_0", 0),
    ],
)  # fmt: skip
def test_folders_of_what_is_made_from_photographs(folder: str, parts: int) -> None:
    assert made_from_photographs((f"{folder}/a.png",)) == {f"{folder}/a.png": parts}


def test_a_mask_beside_its_photograph_is_known_by_its_name() -> None:
    files = ("a.png", "a_mask.tif", "b-mask.png", "x y.png", "x y Mask.png")
    assert [file for file, number in made_from_photographs(files).items() if number] == ["a_mask.tif", "x y Mask.png"]


def test_od_is_an_eye_beside_os() -> None:
    assert made_from_photographs(("OD/a.png", "OS/b.png")) == {"OD/a.png": 0, "OS/b.png": 0}


@pytest.mark.parametrize(("name", "rest"), [("PDR train", "PDR "), ("train_1", ""), ("mild", "mild"), ("test", "")])
def test_what_a_name_says_beside_its_split(name: str, rest: str) -> None:
    assert without_split(name) == rest
