"""retina_data.split: no patient on two sides, proportional in each grade, the same everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retina_data.index import DataError
from retina_data.split import assign_parts, split_digest


def make_table(grades: list[tuple[int, int]], test_patients: int = 0) -> pd.DataFrame:
    """Two eyes for each patient; the last `test_patients` are the given test part."""
    count = len(grades)
    part = ["train"] * (count - test_patients) + ["test"] * test_patients
    return pd.DataFrame(
        {
            "row": np.arange(2 * count),
            "patient": np.repeat(np.arange(count), 2),
            "grade": np.array(grades).reshape(-1),
            "part": np.repeat(part, 2),
        }
    )


TEST_PATIENTS = [5, 8, 11, 12, 15, 16, 24, 32]
VALIDATION_PATIENTS = [1, 2, 25, 33, 38, 39]

tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=120).map(make_table)
fractions = st.sampled_from([0.1, 0.2, 1 / 3, 0.5])


@settings(deadline=None, max_examples=60)
@given(tables, fractions, st.integers(0, 2**31 - 1))
def test_patients_stay_together_and_grades_are_proportional(table: pd.DataFrame, fraction: float, seed: int) -> None:
    parts = assign_parts(table, val_fraction=fraction, seed=seed)
    assert set(parts) == {"train", "val", "test"}
    assert (parts.groupby(table["patient"]).nunique() == 1).all()
    assert parts.equals(assign_parts(table, val_fraction=fraction, seed=seed))
    patients = pd.DataFrame(
        {"worst": table.groupby("patient")["grade"].max(), "part": parts.groupby(table["patient"]).first()}
    )
    count = len(patients)
    test = max(round(0.2 * count), 1)
    assert (patients["part"] == "test").sum() == test
    rest = patients[patients["part"] != "test"]
    wanted = min(max(round(fraction * len(rest)), 1), len(rest) - 1)
    assert (rest["part"] == "val").sum() == wanted
    for _, stratum in rest.groupby("worst"):
        assert abs((stratum["part"] == "val").sum() - wanted * len(stratum) / len(rest)) < 1


@settings(deadline=None, max_examples=20)
@given(tables, st.integers(0, 1000))
def test_order_of_rows_does_not_matter(table: pd.DataFrame, seed: int) -> None:
    shuffled = table.sample(frac=1, random_state=seed)
    assert split_digest(assign_parts(shuffled, seed=seed)) == split_digest(assign_parts(table, seed=seed))


def test_the_split_is_the_same_on_every_machine() -> None:
    table = make_table([(n % 5, 0) for n in range(40)])
    parts = assign_parts(table, seed=7)
    assert sorted(table["patient"][parts == "test"].unique()) == TEST_PATIENTS
    assert sorted(table["patient"][parts == "val"].unique()) == VALIDATION_PATIENTS
    assert split_digest(parts) != split_digest(assign_parts(table, seed=8))


def test_a_given_test_part_is_kept() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    parts = assign_parts(table)
    assert ((parts == "test") == (table["part"] == "test")).all()
    assert (parts == "val").sum() == 10


def test_selecting_on_test_calls_the_test_list_validation() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    parts = assign_parts(table, select_on="test")
    assert ((parts == "val") == (table["part"] == "test")).all() and set(parts) == {"train", "val"}
    with pytest.raises(DataError, match="select_on=test needs a test list"):
        assign_parts(make_table([(0, 0)] * 5), select_on="test")


def test_merged_groups_stay_together_and_copies_of_test_images_are_left_out() -> None:
    table = make_table([(n % 3, 0) for n in range(20)], test_patients=4)
    table["sha256"] = [f"{n:x}" for n in range(40)]
    table.loc[0, "sha256"] = table.loc[39, "sha256"]  # a training image that is also in the test list
    table["group"] = table["patient"].replace({5: 2, 7: 2})
    for seed in range(10):
        parts = assign_parts(table, seed=seed, val_fraction=0.5)
        assert parts[0] == "left_out" and (parts == "left_out").sum() == 1
        assert parts[table["group"] == 2].nunique() == 1


def test_impossible_splits_are_refused() -> None:
    with pytest.raises(DataError, match="val_fraction"):
        assign_parts(make_table([(0, 0)] * 5), val_fraction=1.0)
    with pytest.raises(DataError, match="at least 2 patients"):
        assign_parts(make_table([(0, 0)] * 3, test_patients=2))
