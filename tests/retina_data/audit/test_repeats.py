"""retina_data.audit.repeats: equal photographs within and across splits, and one photograph for many patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retina_data.audit.image_scan import Content
from retina_data.audit.repeats import placeholder_findings, repeated


def photographs(digests: str, grades: str, splits: str) -> pd.DataFrame:
    """A row for each letter: its content, grade and split (t: train, s: test), and a patient of its own."""
    return pd.DataFrame(
        {
            "sha256": list(digests),
            "grade": [int(grade) for grade in grades],
            "split": ["train" if split == "t" else "test" for split in splits],
            "patient": range(len(digests)),
        }
    )


def found_in(table: pd.DataFrame) -> dict[str, tuple[tuple[int, ...], ...]]:
    bits = np.random.default_rng(0).random((len(table), 512)) < 0.5  # no two are near
    return {one.kind: one.rows for one in repeated(table, Content(table, bits))}


def test_equal_photographs_are_grouped_within_and_across_splits() -> None:
    assert found_in(photographs("aabbc", "01110", "ttsts")) == {
        "duplicates": ((0, 1),), "duplicates across splits": ((2, 3),), "duplicates, grades differ": ((0, 1),),
    }  # fmt: skip
    assert found_in(photographs("abc", "012", "tts")) == {}


def test_one_photograph_for_five_patients_is_an_error_that_names_them() -> None:
    [one] = placeholder_findings(photographs("axaaaay", "0000000", "ttttttt"))
    assert (one.severity, one.rows) == ("error", ((0, 2, 3, 4, 5),))
    assert placeholder_findings(photographs("axaaayy", "0000000", "ttttttt")) == []
