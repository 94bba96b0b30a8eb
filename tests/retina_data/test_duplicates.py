"""retina_data.duplicates: what belongs together is found, what is merely alike is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retina_data.duplicates import equal_note, merged_groups, near_groups


def test_groups_merge_through_others() -> None:
    patient = pd.Series([0, 0, 1, 1, 2, 2, 3])
    sha = pd.Series(["a", "b", "c", "d", "b", "c", "e"])
    assert merged_groups(patient, sha).tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_hashes_that_differ_a_little_are_one_group() -> None:
    rng = np.random.default_rng(0)
    bits = rng.random((1200, 512)) < 0.5
    bits[700] = bits[3]
    bits[700, :20] ^= True
    bits[1100] = bits[700]
    bits[1100, 20:30] ^= True  # 30 from row 3, 10 from row 700
    bits[900] = bits[5]
    bits[900, :26] ^= True
    groups = near_groups(bits, 25)
    assert groups[700] == groups[1100] == 3 and groups[900] == 900
    assert len(np.unique(groups)) == 1198
    assert near_groups(bits[:1], 25).tolist() == [0]


def test_equal_images_are_a_note_that_says_what_became_of_their_patients() -> None:
    table = pd.DataFrame(
        {
            "patient": [0, 0, 1, 2, 3, 4],
            "group": [0, 0, 0, 1, 1, 2],
            "grade": [0, 1, 2, 3, 3, 4],
            "sha256": ["a", "b", "a", "c", "c", "d"],
            "error": "",
        }
    )
    assert equal_note(table) == (
        "2 photographs are equal byte for byte to an earlier one, whose patients are taken for one: "
        "5 patients become 3; with different grades: 1"
    )
    assert "of the same patient; with different grades: 0" in equal_note(table.assign(patient=0, group=0, grade=0))
    assert equal_note(table.assign(error="the file is empty")) == ""
    assert equal_note(table.drop_duplicates("sha256")) == ""
