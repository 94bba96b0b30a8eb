"""retina_data.groups: what belongs together is found, what is merely alike is not."""

from __future__ import annotations

import pandas as pd

from retina_data.groups import merged_groups


def test_groups_merge_through_others() -> None:
    patient = pd.Series([0, 0, 1, 1, 2, 2, 3])
    sha = pd.Series(["a", "b", "c", "d", "b", "c", "e"])
    assert merged_groups(patient, sha).tolist() == [0, 0, 0, 0, 0, 0, 1]
