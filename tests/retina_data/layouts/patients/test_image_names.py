"""retina_data.layouts.patients.image_names: endings of names of photographs, and names that only look like one."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.copies import ImageName
from retina_data.layouts.patients.image_names import read_names


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
        ("q1z_r90", ImageName("", "q1z", "", "", "", True)),
        ("q1z_L270", ImageName("", "q1z", "", "", "", True)),
        ("q1z_rot_-90", ImageName("", "q1z", "", "", "", True)),
        ("q1z_rotation90", ImageName("", "q1z", "", "", "", True)),
        ("q1z_cw_180", ImageName("", "q1z", "", "", "", True)),
        ("q1z_flip_lr", ImageName("", "q1z", "", "", "", True)),
        ("9_left_fh", ImageName("", "9", "left", "", "", True)),
        ("9_left_r90", ImageName("", "9", "left", "", "", True)),
        ("12_R_90", ImageName("", "12", "right", "", "90", False)),
        ("1_r9", ImageName("", "1", "right", "", "9", False)),
        ("r_90", ImageName("", "", "right", "", "90", False)),
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
        ("20190312_P0_left", ImageName("", "P0", "left", "20190312", "", False)),
        ("20190312_043808_left", ImageName("", "043808", "left", "20190312", "", False)),
        ("20190312_101530_P0_left", ImageName("", "P0", "left", "20190312", "", False)),
        ("P0_20190312_101530_OD", ImageName("", "P0", "right", "20190312_101530", "", False)),
        ("P0_31.12.2019_OD", ImageName("", "P0", "right", "31.12.2019", "", False)),
        ("P0_T1_OD", ImageName("", "P0", "right", "T1", "", False)),
        ("P0_followup_v2_L", ImageName("", "P0", "left", "followup_v2", "", False)),
        ("P0_6months_L", ImageName("", "P0", "left", "6months", "", False)),
        ("P0_baseline", ImageName("", "P0", "", "baseline", "", False)),
        ("site1/2019/1_left", ImageName("site1", "1", "left", "2019", "", False)),
        ("aug_0_left", ImageName("", "0", "left", "", "", True)),
        ("aug_0_12_left", ImageName("", "12", "left", "", "", True)),
        ("Copy of 12_left", ImageName("", "12", "left", "", "", True)),
        ("12_left_clahe", ImageName("", "12", "left", "", "", True)),
        ("eyepacs_raw_12_left", ImageName("", "eyepacs_raw_12", "left", "", "", False)),
        ("resized_512/1_left", ImageName("", "1", "left", "", "", False)),
        ("odir_augmented/1_left", ImageName("odir", "1", "left", "", "", False)),
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


def test_a_word_before_a_name_is_of_a_copy_where_its_original_is_listed() -> None:
    assert [(n.stem, n.copy) for n in read_names(["0_12_left", "aug_0_12_left"])] == [("0_12", False), ("0_12", True)]
    assert [(n.stem, n.copy) for n in read_names(["e0f", "aug_1_e0f"])] == [("e0f", False), ("e0f", True)]
    assert [n.stem for n in read_names(["aug_1_e0f"])] == ["aug_1_e0f"]


def test_a_turn_by_any_angle_is_no_eye_beside_its_original() -> None:
    assert [(n.stem, n.eye) for n in read_names(["x", "x_r15", "y_r15"])] == [("x", ""), ("x", ""), ("y", "right")]
    assert [(n.stem, n.eye) for n in read_names(["1_left", "1_left_r1"])] == [("1", "left"), ("1", "left")]
    assert [(n.stem, n.eye) for n in read_names(["1", "1_r1"])] == [("1", ""), ("1", "right")]


def test_numbered_copies_belong_to_names_in_the_folders_of_originals() -> None:
    names = [f"{n}{end}" for n in ("a", "b", "c") for end in ("", "_0", "_0_flip")]
    folders = ["augmented/" * ("_" in name) + name for name in names]
    assert [(name.stem, name.copy) for name in read_names(folders)] == [(name[0], "_" in name) for name in names]
    eyes = [f"{eye}/{n}{end}" for n in "abc" for eye, end in (("right", ""), ("left", "_0"))]
    assert [name.stem for name in read_names(eyes)] == ["a", "a_0", "b", "b_0", "c", "c_0"]


def test_numbers_after_days_are_no_copies() -> None:
    names = [f"2019-03-1{day}{number}" for day in range(3) for number in ("", "_1", "_2")]
    assert len({name.stem for name in read_names(names)}) == len(names)


def test_of_folders_of_copies_the_first_has_the_originals() -> None:
    names = ["clahe/1_left", "aug/1_left", "raw/1_left", "aug/2_left"]
    assert [name.copy for name in read_names(names)] == [True, True, False, False]
    assert {name.folder for name in read_names(names)} == {""}


def test_short_visits_are_no_numbers_of_patients() -> None:
    assert {name.stem for name in read_names([f"P{n}_T{t}_left" for n in range(3) for t in (0, 1)])} == {
        "P0",
        "P1",
        "P2",
    }
    assert len({name.stem for name in read_names([f"clinic_M{n}_left" for n in range(9)])}) == 9
    assert len({name.folder for name in read_names([f"{year}/1_left" for year in (2019, 2020, 17)])}) == 3


@pytest.mark.parametrize("when", ["20190104", "20190104120300", "20190104_120300", "2019-01-04", "baseline"])
def test_an_eye_before_a_number_and_a_visit_is_no_name_of_everybody(when: str) -> None:
    read = read_names([f"{eye}_{n}_{when}" for n in range(1, 13) for eye in ("OD", "OS")])
    assert [one.stem for one in read] == [str(n) for n in range(1, 13) for _ in range(2)]
    assert [one.eye for one in read[:2]] == ["right", "left"]
