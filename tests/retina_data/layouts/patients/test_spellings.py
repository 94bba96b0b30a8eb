"""retina_data.layouts.patients.spellings: keys that differ in case, zeros or a part's folder are one patient's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retina_data.layouts.patients.keys import parse
from retina_data.layouts.patients.spellings import alike, divided, one_spelling


@pytest.mark.parametrize(
    ("names", "patients", "merged", "apart"),
    [
        (["P0_left", "p0_right"], 1, 1, 0),
        (["P0_left", "p0_left", "p0_right"], 2, 0, 3),
        (["P0_left", "p0_left (1)"], 1, 1, 0),  # a copy
        (["P0_v1_left", "p0_v2_left"], 1, 1, 0),
        (["007_left", "7_right", "70_left"], 2, 1, 0),
        (["P007_left", "P7_right"], 2, 0, 0),  # of numbers alone
        (["Part 1/1_left", "part2/1_right"], 1, 1, 0),
        (["part1/1_left", "part2/1_left"], 2, 0, 2),
        (["eyes-20230105t101112Z-001/eyes/1_left", "eyes-20230105t101112Z-002/eyes/1_right"], 1, 1, 0),
        (["drive-download-20230105T101112Z-001/1_left", "drive-download-20230105T101112Z-002/1_right"], 1, 1, 0),
        (["OneDrive_1_1-5-2023/1_left", "OneDrive_2_1-5-2023/1_right"], 1, 1, 0),
        (["eyes/1_left", "eyes (1)/1_right"], 1, 1, 0),
        (["eyes/1_left", "eyes (1)/1_left"], 2, 0, 2),
        (["DVD1/1_left", "DVD2/1_right"], 1, 1, 0),
        (["images_001/1_left", "images_002/1_right"], 1, 1, 0),
        (["party1/1_left", "site2/1_right"], 2, 0, 0),
        (["E0F", "e0f"], 2, 0, 0),  # names that tell no patient
    ],
)
def test_one_spelling(names: list[str], patients: int, merged: int, apart: int) -> None:
    keys, several, kept = one_spelling(parse(names))
    assert (len(set(keys)), several, len(kept)) == (patients, merged, apart)


@pytest.mark.parametrize(
    ("names", "images"),
    [
        ([f"{place}/{n}_left" for place in ("eyepacs", "odir") for n in range(9)], 18),
        ([f"{place}_{n}_left" for place in ("eyepacs", "odir") for n in range(9)], 18),
        ([f"P{n}{end}_left" for n in range(9) for end in ("", "_later")], 18),
        ([f"P{n}_{day}0{n}13_left" for n in range(6) for day in (18, 19)], 12),  # dates, perhaps
        ([f"P{n}_{day}_left" for n in range(9) for day in ("2019-03", "2020-04")], 18),
        ([f"{folder}{n}_left" for folder in ("bg_removed/", "") for n in range(5)], 10),
        (["1_T0_left", "1_T1_left", "2_left"], 2),
        ([f"{site}/IMG_{n:04}" for site in "ab" for n in range(9)], 18),
        ([f"{n}z{end}" for n in range(3) for end in ("", *(f"_{k}" for k in range(9)))], 30),  # too many for copies
        ([f"{place}{n}z{end}" for n in range(9) for place, end in (("", ""), ("new/", "_0"))], 18),
        ([f"{n % 9}" for n in range(18)], 0),  # in two folders of grades
        ([f"P{n}/{image}" for n in range(11) for image in (1, 2)], 0),  # in a patient's folder, perhaps
        ([f"clinic{n // 5}/{n}_left" for n in range(25)], 0),  # numbers go on
        ([f"clinic{n // 50}/{n % 50}_left" for n in range(60)], 20),
        ([f"{n}_left" for n in range(50)] + ["7_x_left"], 0),  # one of fifty
        ([f"{n:04x}" for n in range(50)], 0),
        ([f"P{n}/visit{visit}_left" for n in range(9) for visit in (1, 2)], 0),
    ],
)
def test_alike_are_names_that_differ_in_one_word(names: list[str], images: int) -> None:
    assert len(alike(parse(names), [False] * len(names))) == images


def test_alike_by_a_column_are_equal_ids_of_two_collections() -> None:
    patient = tuple(f"{site}/{n}" for site in ("a", "b") for n in range(3))
    parsed = replace(parse(["x"] * 6), patient=patient, known=(True,) * 6)
    assert len(alike(parsed, [True] * 6)) == 6
    assert not alike(replace(parsed, patient=tuple(f"s{n // 2}/x-{n}" for n in range(6))), [True] * 6)


PAIRS = [f"{n}_{eye}" for n in range(4) for eye in ("left", "right")]


@pytest.mark.parametrize(
    ("names", "keys", "sentence"),
    [
        (PAIRS, [f"/{n}" for n in range(8)], "it parts the eyes of 4 of 4 patients"),
        (PAIRS, [f"/{n // 2}" for n in range(8)], ""),
        (PAIRS, [f"/{(n + n % 2 * 4) % 8}" for n in range(8)], "it parts the eyes of 4 of 4 patients"),
        # `left_1` and `right_1` need not be of one patient where the column puts others together
        (PAIRS, [f"/{n // 2 if n % 2 else (n // 2 + 1) % 4}" for n in range(8)], ""),
        (PAIRS, [*(f"/{n}" for n in range(4)), "", "", "", ""], ""),  # two patients
        ([f"q{n}z" for n in range(8)], [f"/P{n // 2}-{'LR'[n % 2]}" for n in range(8)], "8 of its 8 values differ"),
        ([f"q{n}z" for n in range(8)], [f"/P{n // 2}_V{n % 2}" for n in range(8)], "8 of its 8 values differ"),
        ([f"q{n}z" for n in range(8)], [f"/{2018 + n % 2}-{n // 2:04}" for n in range(8)], ""),  # numbered each year
        ([f"q{n}z" for n in range(8)], [f"/{2018 + n % 2}0312-{n // 2:03}" for n in range(8)], ""),  # or each day
        ([f"q{n}z" for n in range(8)], [f"site/V{n}" for n in range(8)], ""),  # volunteers
        ([f"q{n}z" for n in range(8)], [f"site {n % 2}/P{n // 2}" for n in range(8)], ""),
    ],
)
def test_a_column_that_has_a_value_for_each_eye_or_visit(names: list[str], keys: list[str], sentence: str) -> None:
    found = divided(parse(names), keys)
    assert [sentence in one.sentence for one in found] == [True] * bool(sentence)
