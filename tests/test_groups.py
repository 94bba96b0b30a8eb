"""retina_data.groups: what belongs together is found, what is merely alike is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retina_data.groups import merged_groups, near_groups


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
