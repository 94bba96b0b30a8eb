"""Which images belong together: equal bytes, or nearly the same picture.

Patients who share a byte-equal image are one group for every split. Near-duplicates are only reported: two photographs
of one eye are alike too, and whether they may stand on two sides is for a reader to say.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def merged_groups(patient: pd.Series[int], sha256: pd.Series[str]) -> npt.NDArray[np.int64]:
    """Group number 0.. by first appearance: patients that share a byte-equal image, directly or by others, are one."""
    group = patient.astype("int64")
    while True:
        merged = group.groupby(sha256).transform("min")
        merged = merged.groupby(patient).transform("min")
        if merged.equals(group):
            return np.asarray(pd.factorize(group)[0], dtype=np.int64)
        group = merged
