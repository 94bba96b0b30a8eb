"""The headline is one split for all arms, under names without a prefix."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.results import columns


def table(**values: object) -> pd.DataFrame:
    """A four-way table with these values in every row."""
    cells = pd.DataFrame({"label": list(schema.ARM_LABELS.values()), "arm": list(schema.ARM_LABELS)})
    return cells.reindex(columns=list(columns.FOUR_WAY)).assign(status=columns.RUN, reason="", **values)


def test_no_name_stands_twice() -> None:
    for names in (columns.FOUR_WAY, columns.PRIMARY, columns.PAIRS, columns.SEEDS):
        assert len(names) == len(set(names))


def test_without_confirmation_the_headline_is_validation() -> None:
    found = columns.primary_endpoint(
        table(accuracy=0.8, trial="0001", primary_endpoint="validation", test_accuracy=0.1)
    )
    assert list(found.columns) == list(columns.PRIMARY)
    assert (found["accuracy"] == 0.8).all()
    assert (found["seeds"] == 1).all()
    assert (found["status"] == columns.RUN).all()


def test_a_confirmed_study_is_judged_by_test_and_a_cell_without_is_not_filled_from_validation() -> None:
    cells = table(
        accuracy=0.9, test_accuracy=0.8, test_new_patients_accuracy=0.7, primary_endpoint="test_new_patients", seeds=3
    )
    cells["test_new_patients_n"] = 80.0
    cells[["seeds_failed", "seeds_waiting", "seeds_unread"]] = [3, 0, 0]
    cells["confirmed_trial"] = "0007"
    cells.loc[2, ["seeds", "test_new_patients_accuracy", "test_new_patients_n"]] = [0, float("nan"), float("nan")]
    found = columns.primary_endpoint(cells)
    assert found["accuracy"].tolist()[:2] == [0.7, 0.7]
    assert pd.isna(found["accuracy"].iloc[2])
    assert found["status"].tolist() == ["run", "run", "not confirmed", "run"]
    assert found["reason"].iloc[2] == "all its confirmations failed (3)"
    assert (found["trial"] == "0007").all()
    assert set(found["split"]) == {"test, patients not in training"}


def test_what_was_chosen_on_test_is_never_called_unseen() -> None:
    assert "optimistic" in columns.split_text(columns.VALIDATION)
    assert "optimistic" in columns.split_text(columns.VALIDATION, columns.TEST)
    assert columns.split_text(columns.TEST) == "test"
