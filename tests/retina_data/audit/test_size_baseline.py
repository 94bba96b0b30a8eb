"""retina_data.audit.size_baseline: a camera that tells the grade is found, sizes that tell nothing are not blamed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retina_data.audit.size_baseline import size_only_baseline


def make_table(leak: bool, test: bool, count: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    grade = rng.choice(5, count, p=[0.6, 0.1, 0.2, 0.05, 0.05])
    ill = (grade >= 2) if leak else rng.random(count) < 0.3
    camera = np.where(rng.random(count) < 0.9, ill, ~ill)  # the hospital's camera sees the ill
    return pd.DataFrame(
        {
            "width": np.where(camera, 4288, 3000),
            "height": np.where(camera, 2848, 2000),
            "bytes": rng.integers(900_000, 1_100_000, count),
            "grade": grade,
            "patient": np.arange(count),
            "split": np.where(np.arange(count) % 4 == 0, "test", "train") if test else "train",
        }
    )


@pytest.mark.parametrize("test", [True, False])
def test_a_leak_is_measured_and_noise_is_not(test: bool) -> None:
    leaking, plain = size_only_baseline(make_table(True, test)), size_only_baseline(make_table(False, test))
    assert leaking and plain and leaking["kappa"] > 0.4 and abs(plain["kappa"]) < 0.15
    assert leaking["n"] == (150 if test else 600) and 0 < leaking["accuracy"] < 1
    assert ("test list" in leaking["asked"]) == test


def test_where_all_sizes_are_equal_there_is_nothing_to_ask() -> None:
    assert size_only_baseline(make_table(True, False).assign(width=28, height=28, bytes=2352)) is None
