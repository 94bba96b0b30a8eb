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


def equal_note(table: pd.DataFrame) -> str:
    """What a reader must know of byte-equal images, "" where there are none.

    table: a cache's, with the columns patient, group, grade, sha256 and error of each image.
    """
    readable = table[table["error"] == ""]
    copies = readable["sha256"].duplicated().sum()
    if not copies:
        return ""
    differ = (readable.groupby("sha256")["grade"].nunique() > 1).sum()
    merged, patients = readable["group"].nunique(), readable["patient"].nunique()
    one = (
        f"whose patients are taken for one: {patients:,} patients become {merged:,}"
        if merged < patients
        else "of the same patient"
    )
    return f"{copies:,} photographs are equal byte for byte to an earlier one, {one}; with different grades: {differ:,}"


def near_groups(bits: npt.NDArray[np.bool_], most: int) -> npt.NDArray[np.int64]:
    """For each hash (N, B) the first row before it, or itself, that differs in at most `most` bits: (N,).

    A row whose nearest is near to a third takes the third: equal numbers are one group.
    """
    signs = np.where(bits, np.float32(1), np.float32(-1))  # their products count equal bits, exactly
    first = np.arange(len(bits))
    for start in range(0, len(bits), 512):
        stop = min(start + 512, len(bits))
        equal = signs[start:stop] @ signs[:stop].T  # equal bits less different ones
        near = (equal >= bits.shape[1] - 2 * most) & (np.arange(stop) <= np.arange(start, stop)[:, None])
        for row, other in enumerate(near.argmax(axis=1), start):
            first[row] = first[other]
    return first
