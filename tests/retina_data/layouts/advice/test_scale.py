"""retina_data.layouts.advice.scale: words that are no grades get the flags that say what they mean."""

from __future__ import annotations

import pytest

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import (
    advice_on_words,
    doubt_of_scale,
    is_scale,
    not_a_grade,
    refuse_two_classes,
    two_classes,
)
from retina_data.layouts.grade_folders import read_grade_folders
from tests.retina_data.layouts.test_grade_folders import tree


@pytest.mark.parametrize(("words", "advice"), [
    ("1|2|3|4|5", "--grade 1=0 --grade 2=1 --grade 3=2 --grade 4=3 --grade 5=4 say so everywhere; where 5"),
    ("1|3|5", "where these are grades counted from 1, --grade 1=0 --grade 3=2 --grade 5=4 say so"),
    ("1 - No DR|5 - PDR", "counted from 1, --grade '1 - No DR=0' --grade '5 - PDR=4' say so"),
    ("1. No DR|5. PDR", "counted from 1, --grade '1. No DR=0' --grade '5. PDR=4' say so"),
    ("5", "where 5 stands for images that cannot be graded"), ("2|3|5", "counted from 1, --grade 2=1 --grade 3=2"),
    ("0|1|5", "where 5 stands for images that cannot be graded, --grade 5=none leaves them out"),
    ("R0|R1|R3A", "another scale (R3 is proliferative in England, R4 in Scotland)"),
    ("0|Leve|-1", "say what each means, --grade '-1=?' --grade 'Leve=?', with a grade from 0 to 4, or none, for each"),
    ("-1|-5", "say what each means, --grade '-1=?' --grade '-5=?'"),
    ("1.5|5", "say what each means, --grade '1.5=?' --grade '5=?'"),
])  # fmt: skip
def test_advice_names_each_word(words: str, advice: str) -> None:
    assert advice in advice_on_words(words.split("|"), {})


def test_no_advice_on_a_column_of_something_else() -> None:
    assert advice_on_words(map(str, range(0, 40, 3)), {}) == "" == advice_on_words([], {})
    assert advice_on_words(["Leve", "1"], {"Leve": 1}) == ""
    assert str(not_a_grade("", "t.csv, line 2", [""], {})).endswith("(t.csv, line 2); correct or delete the line")


@pytest.mark.parametrize(("said", "doubt"), [
    ({"1": 1, "2": 2}, "numbers from 1 to 2, and may be counted from 1 (--grade 1=0 --grade 2=1 say so)"),
    ({"grade1": 1, "grade4": 4}, "or no healthy eye is there (--grade grade1=1 says so)"),
    ({"1": 1, "0": 0}, ""), ({"2": 2, "4": 4}, ""), ({"Mild": 1, "1-Mild": 1}, ""), ({}, ""),
    ({"0": 0, "1": 0}, "the numbers 0 and 1 are all read as grade 0"), ({"0": 0, "10": 1, "20": 1}, ""),
])  # fmt: skip
def test_numbers_without_0_may_be_counted_from_1(said: dict[str, int], doubt: str) -> None:
    text = doubt_of_scale(said, {})
    assert doubt in text and bool(text) == bool(doubt)
    if "from 1" in doubt:
        with pytest.raises(DataError, match="there are 1 to 5 and no 0; where these are grades counted from 1"):
            doubt_of_scale({**said, "5": -1}, {})


def test_what_the_user_says_is_not_doubted() -> None:
    assert doubt_of_scale({"1": 1, "2": 2}, {"1": 1}) == "" == doubt_of_scale({"1": 0, "2": 1}, {"1": 0, "2": 1})


def test_two_classes_are_recognised() -> None:
    assert two_classes(tree("train/DR/a.png", "train/No_DR/b.png")) == "`No_DR` and `DR`"
    assert two_classes(tree("0/a.png", "referable/b.png")) == "`0` and `referable`"
    assert two_classes(tree("No_DR/a.png", "Mild/b.png", "DR/c.png")) == ""
    for names in ("01", ("grade0", "grade1"), "012"):
        folders = read_grade_folders(tree(*(f"{name}/a.png" for name in names)), {})
        if names == "01":
            with pytest.raises(DataError, match="not referable / referable.*--layout folders"):
                refuse_two_classes(folders)
        else:
            refuse_two_classes(folders)


def test_words_of_another_scale_are_known() -> None:
    assert all(map(is_scale, ("12345", ("R0", "R1", "R3A"), ("Mild", "Leve", "none"))))
    assert not any(map(is_scale, ("123", "1234567", ("a", "b", "c"), ("R", "L"), map(str, range(20)))))
