"""retina_data.layouts.patients.spellings: keys that differ in case, zeros or a part's folder are one patient's."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.keys import parse
from retina_data.layouts.patients.spellings import one_spelling


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
        (["party1/1_left", "site2/1_right"], 2, 0, 0),
        (["E0F", "e0f"], 2, 0, 0),  # names that tell no patient
    ],
)
def test_one_spelling(names: list[str], patients: int, merged: int, apart: int) -> None:
    keys, several, kept = one_spelling(parse(names))
    assert (len(set(keys)), several, len(kept)) == (patients, merged, apart)
