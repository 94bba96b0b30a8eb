"""retina_data.splits: no patient on two sides, proportional in each grade, the same everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.splits import assign_splits, fold_splits, in_training, resplit, split_digest, without_test_patients

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def make_table(grades: list[tuple[int, int]], test_patients: int = 0) -> pd.DataFrame:
    """Two eyes for each patient; the last `test_patients` are the given test split."""
    count = len(grades)
    split = ["train"] * (count - test_patients) + ["test"] * test_patients
    return pd.DataFrame(
        {
            "row": np.arange(2 * count),
            "patient": np.repeat(np.arange(count), 2),
            "grade": np.array(grades).reshape(-1),
            "split": np.repeat(split, 2),
        }
    )


TEST_PATIENTS = [5, 8, 11, 12, 15, 16, 24, 32]
VALIDATION_PATIENTS = [1, 2, 25, 33, 38, 39]

tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=120).map(make_table)
fractions = st.sampled_from([0.1, 0.2, 1 / 3, 0.5])


@settings(deadline=None, max_examples=60)
@given(tables, fractions, st.integers(0, 2**31 - 1))
def test_patients_stay_together_and_grades_are_proportional(table: pd.DataFrame, fraction: float, seed: int) -> None:
    splits = assign_splits(table, val_fraction=fraction, seed=seed)
    assert set(splits) == {"train", "val", "test"}
    assert (splits.groupby(table["patient"]).nunique() == 1).all()
    assert splits.equals(assign_splits(table, val_fraction=fraction, seed=seed))
    patients = pd.DataFrame(
        {"worst": table.groupby("patient")["grade"].max(), "split": splits.groupby(table["patient"]).first()}
    )
    count = len(patients)
    test = max(round(0.2 * count), 1)
    assert (patients["split"] == "test").sum() == test
    rest = patients[patients["split"] != "test"]
    wanted = min(max(round(fraction * len(rest)), 1), len(rest) - 1)
    assert (rest["split"] == "val").sum() == wanted
    for _, stratum in rest.groupby("worst"):
        assert abs((stratum["split"] == "val").sum() - wanted * len(stratum) / len(rest)) < 1


@settings(deadline=None, max_examples=20)
@given(tables, st.integers(0, 1000))
def test_order_of_rows_does_not_matter(table: pd.DataFrame, seed: int) -> None:
    shuffled = table.sample(frac=1, random_state=seed)
    assert split_digest(assign_splits(shuffled, seed=seed)) == split_digest(assign_splits(table, seed=seed))


def test_the_split_is_the_same_on_every_machine() -> None:
    table = make_table([(n % 5, 0) for n in range(40)])
    splits = assign_splits(table, seed=7)
    assert sorted(table["patient"][splits == "test"].unique()) == TEST_PATIENTS
    assert sorted(table["patient"][splits == "val"].unique()) == VALIDATION_PATIENTS
    assert split_digest(splits) != split_digest(assign_splits(table, seed=8))


def test_a_given_test_part_is_kept() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    splits = assign_splits(table)
    assert ((splits == "test") == (table["split"] == "test")).all()
    assert (splits == "val").sum() == 10


def test_selecting_on_test_calls_the_test_list_validation() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    splits = assign_splits(table, select_on="test")
    assert ((splits == "val") == (table["split"] == "test")).all() and set(splits) == {"train", "val"}
    with pytest.raises(DataError, match="select_on=test needs a test list"):
        assign_splits(make_table([(0, 0)] * 5), select_on="test")


def test_merged_groups_stay_together_and_copies_of_test_images_are_left_out() -> None:
    table = make_table([(n % 3, 0) for n in range(20)], test_patients=4)
    table["sha256"] = [f"{n:x}" for n in range(40)]
    table.loc[0, "sha256"] = table.loc[39, "sha256"]  # a training image that is also in the test list
    table["group"] = table["patient"].replace({5: 2, 7: 2})
    for seed in range(10):
        splits = assign_splits(table, seed=seed, val_fraction=0.5)
        assert splits[0] == "excluded" and (splits == "excluded").sum() == 1
        assert splits[table["group"] == 2].nunique() == 1


def test_impossible_splits_are_refused() -> None:
    with pytest.raises(DataError, match="val_fraction"):
        assign_splits(make_table([(0, 0)] * 5), val_fraction=1.0)
    with pytest.raises(DataError, match="at least 2 patients"):
        assign_splits(make_table([(0, 0)] * 3, test_patients=2))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=6, max_size=120).map(make_table),
    st.integers(2, 6),
    st.integers(0, 2**31 - 1),
)
def test_folds_test_every_patient_once_and_each_grade_in_proportion(table: pd.DataFrame, folds: int, seed: int) -> None:
    each = [fold_splits(table, folds=folds, fold=fold, seed=seed) for fold in range(folds)]
    assert (sum((splits == "test").astype(int) for splits in each) == 1).all()
    worst = table.groupby("patient")["grade"].max()
    for splits in each:
        assert set(splits) == {"train", "val", "test"}
        assert (splits.groupby(table["patient"]).nunique() == 1).all()
        tested = (splits == "test").groupby(table["patient"]).first()
        assert abs(tested.sum() - len(worst) / folds) < 1
        for _, stratum in tested.groupby(worst):
            assert abs(stratum.sum() - len(stratum) / folds) < 1


def test_folds_keep_merged_groups_and_leave_unreadable_images_out() -> None:
    table = make_table([(n % 5, 0) for n in range(20)], test_patients=5)
    table["group"] = table["patient"].replace({19: 0})
    table["error"] = ["cut off" if row == 7 else "" for row in table["row"]]
    for fold in range(5):
        splits = fold_splits(table, folds=5, fold=fold, seed=3)
        assert splits[table["group"] == 0].nunique() == 1 and splits[7] == "excluded"
        assert (splits == "excluded").sum() == 1 and (splits == "test").sum() >= 5
    with pytest.raises(DataError, match="fewer folds"):
        fold_splits(table, folds=20, fold=0)
    with pytest.raises(DataError, match="fold=5"):
        fold_splits(table, folds=5, fold=5)


def test_a_given_validation_part_is_kept_and_what_repeats_in_a_later_part_left_out() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    table.loc[table["patient"].between(20, 23), "split"] = "val"
    table["sha256"] = [str(n) for n in range(60)]
    table.loc[40, "sha256"] = "59"  # of validation, also in test
    table.loc[0, "sha256"] = "41"  # of train, also in validation
    table["error"] = ["cut off" if row in (5, 50) else "" for row in table["row"]]
    splits = assign_splits(table)
    assert splits[splits == "excluded"].index.tolist() == [0, 5, 40, 50]
    assert (splits == "val").sum() == 7 and (splits == "test").sum() == 11 and (splits == "train").sum() == 38
    lab = assign_splits(table, select_on="test")
    assert (lab == "val").sum() == 11 and lab[42] == "train"


def test_a_test_patient_whose_other_eye_is_in_training_is_known_and_can_be_left_out() -> None:
    """The lab's own way: the list says, eye by eye, what is the test split."""
    table = make_table([(0, 0)] * 4)
    table.loc[[0, 1, 2], "split"] = "test"  # both eyes of patient 0, one of patient 1
    splits = pd.Series(["test", "test", "test", "val", "train", "train", "train", "val"], index=table.index)
    assert in_training(table, splits).tolist() == [False] * 2 + [True] * 6
    dropped = without_test_patients(table, splits)
    assert dropped.tolist() == ["test", "test", "test", "excluded", "train", "train", "train", "val"]
    assert not in_training(table, dropped)[:3].any()
    assert splits[3] == "val"  # the splits that were given are as they were


@settings(deadline=None, max_examples=40)
@given(tables, fractions, st.integers(0, 2**31 - 1))
def test_training_and_validation_are_divided_anew_by_patient_and_the_test_part_stays(
    table: pd.DataFrame, fraction: float, seed: int
) -> None:
    splits = assign_splits(table, val_fraction=fraction, seed=1)
    again = resplit(table, splits, val_fraction=fraction, seed=seed)
    assert ((again == "test") == (splits == "test")).all() and set(again) == {"train", "val", "test"}
    assert (again.groupby(table["patient"]).nunique() == 1).all()
    assert again.equals(resplit(table, splits, val_fraction=fraction, seed=seed))
    patients = table["patient"].groupby(again).nunique()
    assert patients["val"] == table["patient"].groupby(splits).nunique()["val"]
    worst = table.groupby("patient")["grade"].max()
    free = again.groupby(table["patient"]).first().loc[lambda one: one != "test"]
    for _, stratum in free.groupby(worst[free.index]):
        assert abs((stratum == "val").sum() - patients["val"] * len(stratum) / len(free)) < 1


def test_another_seed_is_another_division_that_is_not_the_search_s() -> None:
    table = make_table([(n % 5, 0) for n in range(60)])
    splits = assign_splits(table, seed=7)
    seen = {split_digest(resplit(table, splits, val_fraction=0.2, seed=seed)) for seed in range(20)}
    assert len(seen) == 20
    assert split_digest(splits) not in seen
    assert split_digest(resplit(table, splits, val_fraction=0.2, seed=7)) != split_digest(splits), (
        "of the same seed too"
    )


def test_a_division_anew_keeps_equal_images_together_and_leaves_out_what_was_left_out() -> None:
    table = make_table([(n % 5, 0) for n in range(30)], test_patients=6)
    table["group"] = table["patient"].replace({5: 2, 7: 2})  # byte-equal images
    table["error"] = ["cut off" if row == 40 else "" for row in table["row"]]
    splits = assign_splits(table, seed=3)
    sides = set()
    for seed in range(20):
        again = resplit(table, splits, val_fraction=0.3, seed=seed)
        assert ((again == "excluded") == (splits == "excluded")).all() and again[40] == "excluded"
        assert again[table["group"] == 2].nunique() == 1
        sides.add(again[table["group"] == 2].iloc[0])
        assert ((again == "test") == (splits == "test")).all()
    assert sides == {"train", "val"}
    assert split_digest(splits) == split_digest(assign_splits(table, seed=3)), "what was given is as it was"


def test_one_patient_cannot_be_divided() -> None:
    table = make_table([(0, 0)] * 2)
    with pytest.raises(DataError, match="at least 2 patients"):
        resplit(table, pd.Series(["test", "test", "train", "train"]), val_fraction=0.5, seed=0)


def test_who_was_left_out_of_training_is_not_in_it() -> None:
    table = make_table([(0, 0)] * 2)
    splits = pd.Series(["test", "excluded", "train", "val"], index=table.index)
    assert in_training(table, splits).tolist() == [False, False, True, True]


@pytest.mark.skipif(not (SHARED / "lab_split").exists(), reason="the lab's label files are not here")
def test_on_the_lab_s_split_1408_test_eyes_are_of_patients_who_are_not_in_training() -> None:
    table = read_index(SHARED / "lab_split").table
    splits = assign_splits(table)
    test = (splits == "test").to_numpy()
    assert (int(test.sum()), int((~in_training(table, splits)[test]).sum())) == (7026, 1408)
    dropped = without_test_patients(table, splits)
    assert int((dropped == "excluded").sum()) == 5618
    assert not in_training(table, dropped)[test].any()
