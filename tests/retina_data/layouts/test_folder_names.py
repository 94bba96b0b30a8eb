"""retina_data.layouts.folder_names: splits, copies, and what is made from photographs, by names."""

from __future__ import annotations

import pytest

from retina_data.layouts.folder_names import (
    is_made_of,
    made_from_photographs,
    names_images,
    split_named,
    split_of_path,
    without_copies,
    without_split,
)


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


def test_split_of_path_is_the_innermost() -> None:
    assert split_of_path("training_data/test/images") == "test" and split_of_path("") == ""


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


@pytest.mark.parametrize(
    ("folder", "parts"),
    [
        ("images", 0), ("Mask", 1), ("OD_Segmentation/masks", 2), ("1. Groundtruths", 1), ("Ground Truth", 1),
        ("Grad-CAM", 1), ("vessel_maps", 1), ("thumbs", 1), ("gt", 1), ("camera", 0),
        ("masked", 0), ("0_No_DR", 0), ("labels", 1), ("label_0", 0),
    ],
)  # fmt: skip
def test_folders_of_what_is_made_from_photographs(folder: str, parts: int) -> None:
    assert made_from_photographs((f"{folder}/a.png",)) == {f"{folder}/a.png": parts}


def test_a_mask_beside_its_photograph_is_known_by_its_name() -> None:
    files = ("a.png", "a_mask.tif", "b-mask.png", "x y.png", "x y Mask.png")
    assert [file for file, number in made_from_photographs(files).items() if number] == ["a_mask.tif", "x y Mask.png"]


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (("OD/a.png", "OS/b.png"), 0), (("OD/a.png", "OI/a.png"), 0), (("0/OD/a.png", "0/OE/a.png"), 0),
        (("OD/0/a.png", "OG/0/a.png"), 0), (("OD/a.png", "left/a.png"), 0), (("OD/a.png", "macula/a.png"), 0),
        (("OD/a.png",), 0), (("OD/a.png", "b.png"), 0), (("od/a.png", "photos/a.png"), 1),
        (("od/a_disc.png", "photos/a.png"), 1),
    ],
)  # fmt: skip
def test_od_is_a_disc_where_its_pictures_have_namesakes_and_no_other_eye_is_there(
    files: tuple[str, ...], parts: int
) -> None:
    assert made_from_photographs(files)[files[0]] == parts


@pytest.mark.parametrize(
    ("stem", "made"), [("a", True), ("a_rot90", True), ("mask-a", True), ("ab", False), ("b_c", False), ("b", False)]
)
def test_what_is_made_of_an_image_has_its_stem_and_a_word(stem: str, made: bool) -> None:
    assert is_made_of(stem, {"a", "x_1"}) is made


@pytest.mark.parametrize(("name", "rest"), [("PDR train", "PDR "), ("train_1", ""), ("mild", "mild"), ("test", "")])
def test_what_a_name_says_beside_its_split(name: str, rest: str) -> None:
    assert without_split(name) == rest
