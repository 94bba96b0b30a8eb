"""Tables of finalists, drop, gain and ensembles as texts."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.report import text_tables
from tests.fixtures import figures as shown


def test_a_configuration_is_one_row_with_each_of_its_repeats() -> None:
    table = text_tables.finalist_texts(shown.finalists().made.finalists, "kappa")
    assert table["Trial"].tolist() == ["0006", "0005", "0002", "0001"]
    each = [float(value) for value in table["Each repeat"].iloc[0].split(", ")]
    assert abs(sum(each) / 2 - float(table["Mean kappa of its repeats"].iloc[0])) < 0.001
    assert table["Images seen"].iloc[0] == "1,800"


def test_a_repeat_that_has_not_ended_is_named_by_its_state() -> None:
    made = shown.finalists().made.finalists.copy()
    made.loc[0, "state"] = schema.STATE_RUNNING
    table = text_tables.finalist_texts(made, "kappa")
    assert table["Each repeat"].iloc[0].startswith("running, 0.")
    assert table["SD"].iloc[0] == "–"


def test_the_drop_has_a_dash_where_nothing_was_confirmed() -> None:
    drop = shown.finalists().made.drop.assign(test=float("nan"))
    table = text_tables.drop_texts(drop)
    assert table["On test"].tolist() == ["–", "–"]
    assert table["Arm"].iloc[1] == "ResNet18, pretrained (synthetic)"


def test_the_gain_has_both_scores_or_nothing() -> None:
    table = text_tables.gain_texts(shown.finalists().made.gain)
    assert table["Score"].tolist() == ["kappa", "accuracy"]
    assert table["Gained (95 %)"].str.startswith("+").all()
    assert text_tables.gain_texts(shown.four().made.gain).empty


def test_an_ensemble_is_a_row_with_intervals_majority_and_n() -> None:
    table = text_tables.ensemble_texts(shown.finalists().made.ensembles)
    assert table["n (patients)"].tolist() == ["160 (80)", "160 (80)"]
    assert table["Kappa (95 %)"].str.contains(" to ").all()
    assert isinstance(text_tables.ensemble_texts(shown.four().made.ensembles), pd.DataFrame)
