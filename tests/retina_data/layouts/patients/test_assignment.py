"""retina_data.layouts.patients.assignment: whose each image is, by a column, a pattern or its name."""

from __future__ import annotations

import pytest

from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.patients.assignment import Patients, patients_of


def patients(*images: tuple[str, str], folder: str = "", eye: str = "") -> Patients:
    """Of images with their values in a column of patients."""
    entries = [Entry(image, 0, "", "", patient, eye, folder) for image, patient in images]
    return patients_of(entries, ReadOptions())


@pytest.mark.parametrize("nobody", ["", "-", "?", "unknown", "N/A", "NaN", "None", "NULL", "not available", "missing"])
def test_a_value_that_names_nobody_is_no_patient(nobody: str) -> None:
    found = patients(("a", nobody), ("b", nobody), ("c", "p1"), ("d", "p1"))
    assert len(set(found.parsed.patient)) == 3 and found.unknown == 2
    assert found.by_column == (False, False, True, True)


@pytest.mark.parametrize(("number", "count"), [("0", 3), ("-1", 3), ("999", 3), ("0", 2), ("7", 3)])
def test_a_number_names_nobody_where_it_has_far_more_images_than_others(number: str, count: int) -> None:
    found = patients(*((f"a{n}", number) for n in range(count)), ("b", "1"), ("c", "2"))
    assert found.unknown == (count if count == 3 and number != "7" else 0)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("1", "1.0", "2"), 2), (("1.0", "1.5", "1"), 3), (("007", "7", "8"), 2), (("P3", "p3", "P4"), 2),
        (("1", "1,0", "2"), 2), (("a.0", "a", "b"), 3),
    ],
)  # fmt: skip
def test_spellings_of_an_id_are_one_patient(ids: tuple[str, ...], expected: int) -> None:
    assert len(set(patients(*((f"x{n}y", one) for n, one in enumerate(ids))).parsed.patient)) == expected


def test_spellings_with_the_same_eye_stay_apart_and_are_counted() -> None:
    found = patients(("a", "P3"), ("b", "p3"), ("c", "P4"), eye="left")
    assert len(set(found.parsed.patient)) == 3 and found.ambiguous == 2
    assert patients(("a_left", "P3"), ("b_right", "p3")).ambiguous == 0


def test_an_image_without_a_value_is_of_the_patient_whose_name_it_has() -> None:
    found = patients(("1_left", "ann"), ("1_right", ""), ("2_left", "ben"), ("3_left", ""))
    assert found.parsed.patient[0] == found.parsed.patient[1] and len(set(found.parsed.patient)) == 3
    assert found.unknown == 0
    assert found.notes == ("patients: by a column for 2 images, by the names alone for 2",)


def test_signs_of_names_hold_for_images_without_a_value() -> None:
    found = patients(*((f"x{n}", "ann") for n in range(2)), ("1_left", ""), ("1_left", ""), ("2_left", ""))
    assert [sign.cause for sign in found.signs] == ["same eye twice"]


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("original", "augmented"), 1), (("2019", "2020"), 1), (("Baseline", "Follow-up"), 1), (("train", "test"), 1),
        (("part1", "part2"), 1), (("eyepacs", "odir"), 2),
    ],
)  # fmt: skip
def test_an_id_in_two_label_files_is_one_patient_unless_they_are_of_two_collections(
    folders: tuple[str, ...], expected: int
) -> None:
    both = [(folder, one) for folder in folders for one in "78"]
    entries = [Entry(f"x{n}y", 0, "", "", one, "", folder) for n, (folder, one) in enumerate(both)]
    found = patients_of(entries, ReadOptions())
    assert len(set(found.parsed.patient)) == 2 * expected and found.ambiguous == (4 if expected == 2 else 0)


@pytest.mark.parametrize(
    ("names", "unknown"),
    [
        ([f"2019-03-{n:02}/IMG_{n}z" for n in range(1, 9)], 8),
        ([f"2019/IMG_{n:04}" for n in range(9)], 9),
        ([f"2019/IMG_{n:04}{end}" for n in range(9) for end in ("", " (1)")], 18),  # a copy
        ([f"R{n:04}" for n in range(9)], 9),
        ([f"R_{n:04}" for n in range(9)], 9),
        ([f"R{n:04}" for n in range(9)] + ["2019-03-12/IMG_1z"], 10),
        ([f"P{n}_visit{visit}" for n in range(9) for visit in (1, 2)], 0),
        ([f"P{n}_visit{visit}" for n in range(9) for visit in (1, 2)] + ["P9_visit1"], 1),
        ([f"{n}_left{end}" for n in range(9) for end in ("", " (1)")], 0),
        ([f"P{n}/visit1" for n in range(9)], 0),
        ([f"R{n:04}" for n in range(9)] + ["L0000"], 0),
        ([f"{n}_right" for n in range(9)], 0),
        ([f"{n}_right" for n in range(9)] + ["0_right_v2"], 0),
    ],
)
def test_a_visit_alone_and_an_eye_that_all_images_have_tell_no_patient(names: list[str], unknown: int) -> None:
    assert patients(*((name, "") for name in names)).unknown == unknown


def test_an_eye_that_all_images_have_is_no_doubt_beside_a_column() -> None:
    assert patients(*((f"R{n:04}", f"p{n}") for n in range(9))).unknown == 0
    assert patients(("R0001", "ann"), ("R0001 (1)", ""), ("R0002", "ben"), ("R0003", "")).unknown == 1


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["2019/1_OD", "2020/1_OD"], "several years, by"), (["2019-03-12/1", "2019-03-13/1"], "several years or days"),
        (["2019-03-12/1_OD", "2019-03-13/1_OD"], ""), (["visit1/1", "visit2/1"], ""), (["2019-03-12/1"], ""),
    ],
)  # fmt: skip
def test_numbers_that_may_begin_anew_at_each_date_are_said(names: list[str], word: str) -> None:
    (*notes,) = patients(*((name, "") for name in names)).notes
    assert (word in notes[0]) if word else not notes
