"""retina_data.layouts.patients.image_names: endings of names of photographs, and names that only look like one."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.image_names import ImageName, read_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1_left", ImageName("", "1", "left", "", "", False)),
        ("1_RIGHT.JPEG", ImageName("", "1", "right", "", "", False)),
        ("1-left", ImageName("", "1", "left", "", "", False)),
        ("7_L", ImageName("", "7", "left", "", "", False)),
        ("7_r", ImageName("", "7", "right", "", "", False)),
        ("8_OD", ImageName("", "8", "right", "", "", False)),
        ("8 os", ImageName("", "8", "left", "", "", False)),
        ("1_l1", ImageName("", "1", "left", "", "1", False)),
        ("1_r2", ImageName("", "1", "right", "", "2", False)),
        ("1_left_2", ImageName("", "1", "left", "", "2", False)),
        ("1_left eye", ImageName("", "1", "left", "", "", False)),
        ("9_left-600", ImageName("", "9", "left", "", "600", False)),
        ("9_left-600-FA", ImageName("", "9", "left", "", "600", True)),
        ("9_left (1)", ImageName("", "9", "left", "", "", True)),
        ("9_left - Copy (2)", ImageName("", "9", "left", "", "", True)),
        ("9_left_aug_3", ImageName("", "9", "left", "", "", True)),
        ("2_left_jpg.rf.0a1b2c", ImageName("", "2", "left", "", "", True)),
        ("12left", ImageName("", "12", "left", "", "", False)),
        ("12R", ImageName("", "12", "right", "", "", False)),
        ("P003OD", ImageName("", "P003", "right", "", "", False)),
        ("OD_P5", ImageName("", "P5", "right", "", "", False)),
        ("P1_visit2", ImageName("", "P1", "", "visit2", "", False)),
        ("P1_v2_left", ImageName("", "P1", "left", "v2", "", False)),
        ("P1_left_v2", ImageName("", "P1", "left", "v2", "", False)),
        ("P1_2019-03-31_OS", ImageName("", "P1", "left", "2019-03-31", "", False)),
        ("P1_view2_OS", ImageName("", "P1", "left", "", "view2", False)),
        ("visit1_left", ImageName("", "", "left", "visit1", "", False)),
        ("eyepacs/a/1_left", ImageName("eyepacs/a", "1", "left", "", "", False)),
        ("P1/left/1", ImageName("P1", "1", "left", "", "", False)),
        ("P1/visit2/1", ImageName("P1", "1", "", "visit2", "", False)),
        # nothing is told
        ("000c1434d8d7", ImageName("", "000c1434d8d7", "", "", "", False)),
        ("IDRiD_001", ImageName("", "IDRiD_001", "", "", "", False)),
        ("train_00012", ImageName("", "train_00012", "", "", "", False)),
        ("20051020_43808_0100_PP", ImageName("", "20051020_43808_0100_PP", "", "", "", False)),
        ("DR (1)", ImageName("", "DR (1)", "", "", "", False)),
        ("1_bright", ImageName("", "1_bright", "", "", "", False)),
        ("01_dr", ImageName("", "01_dr", "", "", "", False)),
        ("img_v2", ImageName("", "img_v2", "", "", "", False)),
        ("model_OR", ImageName("", "model_OR", "", "", "", False)),
        ("a7b2c9l", ImageName("", "a7b2c9l", "", "", "", False)),
        ("x-600", ImageName("", "x-600", "", "", "", False)),
    ],
)
def test_read_names_takes_the_known_endings_off(name: str, expected: ImageName) -> None:
    assert read_names([name]) == [expected]


def test_a_number_in_brackets_is_a_copy_only_beside_its_original() -> None:
    assert [(n.stem, n.copy) for n in read_names(["s/x.png", "s/x (1).png"])] == [("x", False), ("x", True)]
    assert [(n.stem, n.copy) for n in read_names(["x", "s/x (1)"])] == [("x", False), ("x (1)", False)]


def test_a_number_that_all_names_have_is_a_size_where_there_are_copies() -> None:
    assert [n.stem for n in read_names(["x-600", "x-600-FA", "y"])] == ["x", "x", "y"]
    assert [(n.stem, n.copy) for n in read_names(["x-600", "x"])] == [("x", True), ("x", False)]
    assert [n.stem for n in read_names(["x-600", "y-600"])] == ["x-600", "y-600"]
    assert [n.stem for n in read_names(["x-600", "x-601", "x"])] == ["x-600", "x-601", "x"]
