"""retina_data.layouts.patients.keys: whose image it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retina_data.errors import DataError
from retina_data.layouts.dataset import ReadOptions, read_index
from retina_data.layouts.patients.keys import ParsedNames, parse
from retina_data.layouts.patients.signs import Cause, warning_signs
from tests.retina_data.layouts.test_dataset import write_image, write_lab
from tests.retina_data.layouts.test_medmnist import write_medmnist


def partition(keys: tuple[str, ...] | list[str]) -> list[int]:
    return pd.factorize(pd.Series(list(keys)))[0].tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["P0001/visit1_left", "P0001/visit2_left"], [0, 0]),
        (["eyepacs/1_left", "odir/1_left"], [0, 1]),
        (["eyepacs_1_left", "odir_1_left"], [0, 1]),
        (["1_left", "1_right", "2_left"], [0, 0, 1]),
        (["1_l1", "1_l2", "1_r1", "1_r2", "2_l1"], [0, 0, 0, 0, 1]),
        (["P1/left", "P1/right", "P1/visit2", "P2/left"], [0, 0, 0, 1]),
        (["left/1", "right/1", "left/2"], [0, 0, 1]),
        (["visit1/1_left", "visit2/1_left"], [0, 0]),
        (["left_1", "right_1", "left_2"], [0, 0, 1]),
        (["left", "right"], [0, 0]),
        (["12", "12_left"], [0, 1]),  # a name without an eye is its own patient
        (["1", "1"], [0, 1]),  # the first of two grades' folders, and of two splits'
        (["1_left", "1_right"], [0, 0]),  # of two grades' folders
        (["x", "x (1)", "x-copy", "x"], [0, 0, 0, 1]),
        (["x-600", "x-600-FA", "y-600", "y-600-FA"], [0, 0, 1, 1]),
        (["DR (1)", "DR (2)"], [0, 1]),
        ([], []),
    ],
)
def test_parse_makes_one_key_for_each_patient(names: list[str], expected: list[int]) -> None:
    assert partition(parse(names).patient) == expected


def test_parse_keeps_the_order_of_the_names_in_every_field() -> None:
    parsed = parse(["a/1_left_2.png", "P1/visit3_OD (1).png"])
    assert parsed == ParsedNames(
        ("a/1", "P1"), ("left", "right"), ("", "visit3"), ("2", ""), (False, True), ("a", "P1"), (True, True)
    )


def test_parse_takes_the_users_pattern() -> None:
    parsed = parse(["s1-p7-R-3.png", "s2-p7-L-9.png"], r"(?P<patient>p\d+)-(?P<eye>[LR])")
    assert (parsed.patient, parsed.eye) == (("p7", "p7"), ("right", "left"))
    assert parse(["p7_left", "p7_x"], r"^(?P<patient>p\d)").eye == ("left", "")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(?P<patient>", "must be a regular expression"),
        (r"(\d+)", r"must name the group `patient`.*names none"),
        (r"(?P<patient>\d+)(?P<visit>)", "names patient, visit"),
        (r"(?P<patient>\d+)_l", r"2 of 3 do not fit.*: 1_right, x; correct"),
        (r"(?P<patient>)", "3 of 3 do not fit"),
        (r"(?P<patient>\w)(?P<eye>_\w+)?", "must be one of left, .* but got _left, _right"),
    ],
)
def test_parse_refuses_a_pattern_that_does_not_fit(pattern: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        parse(["1_left", "1_right", "x"], pattern)
    assert "\n" not in str(caught.value)


NAME = st.text("abcxyz0123456789", min_size=1, max_size=5).map(lambda text: f"P{text}Q")
FORMS: list[Callable[[str, str], str]] = [
    lambda patient, eye: f"{patient}_{eye}",
    lambda patient, eye: f"{patient}-{eye}-600",
    lambda patient, eye: f"{patient}_{eye[0].upper()}",
    lambda patient, eye: f"{patient}_{eye[0]}1",
    lambda patient, eye: f"{patient}_{'OS' if eye == 'left' else 'OD'}_2",
    lambda patient, eye: f"{patient}_visit1_{eye}",
    lambda patient, eye: f"{patient}_{eye}_2020-01-31",
    lambda patient, eye: f"{patient}/{eye}",
    lambda patient, eye: f"{patient}/visit3_{eye}",
    lambda patient, eye: f"{eye}_{patient}",
]


@settings(deadline=None)
@given(
    st.lists(NAME, min_size=1, max_size=20, unique=True), st.sampled_from(FORMS), st.sampled_from(["", "a/", "b/c/"])
)
def test_parse_finds_both_eyes_of_each_patient_in_every_form(
    patients: list[str], form: Callable[[str, str], str], folder: str
) -> None:
    names = [folder + form(patient, eye) for patient in patients for eye in ("left", "right")]
    parsed = parse(names)
    assert partition(parsed.patient) == [n // 2 for n in range(len(names))]
    assert parsed.eye == ("left", "right") * len(patients)
    assert Cause.SAME_EYE_TWICE not in [sign.cause for sign in warning_signs(parsed, False)]


@settings(deadline=None)
@given(st.lists(NAME, min_size=1, max_size=10, unique=True), st.sampled_from([" (1)", "-FA", " - Copy", "_aug_2"]))
def test_parse_puts_a_copy_to_its_original(patients: list[str], ending: str) -> None:
    for names in (patients, [f"{patient}_left" for patient in patients]):
        parsed = parse([*names, *(name + ending for name in names)])
        assert parsed.patient[: len(names)] == parsed.patient[len(names) :]
        assert parsed.copy == (False,) * len(names) + (True,) * len(names)


@settings(deadline=None)
@given(st.lists(st.text(max_size=12).map(lambda text: text.replace("/", "|")), max_size=30), st.randoms())
def test_parse_reads_any_text_and_its_partition_does_not_hang_on_the_order(
    names: list[str], rng: random.Random
) -> None:
    names = list(dict.fromkeys(names))
    parsed = parse(names)
    assert {len(getattr(parsed, field.name)) for field in fields(parsed)} == {len(names)}
    assert set(parsed.eye) <= {"left", "right", ""}
    order = rng.sample(range(len(names)), len(names))
    again = parse([names[n] for n in order])
    assert again.patient == tuple(parsed.patient[n] for n in order)
    warning_signs(parsed, False, digests=names)


@settings(deadline=None)
@given(st.lists(st.tuples(NAME, st.sampled_from(["_left", "_right", ""])), max_size=40, unique=True))
def test_parse_gives_the_partition_of_plain_names_as_ever(found: list[tuple[str, str]]) -> None:
    """Splits of studies that are there hang on it: `patient_left` and `patient_right` are one, any other is alone."""
    names = [name + eye for name, eye in found]
    expected = [name if eye else f" {name}" for name, eye in found]
    assert partition(parse(names).patient) == partition(expected)


def test_patients_of_a_data_set_come_from_a_pattern_or_a_column_and_not_from_both(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", "a-7-x\nb-7-y\nc-8-z\n")
    by_pattern = read_index(folder, ReadOptions(patient_pattern=r"(?P<patient>\d)(-|_)"))
    assert by_pattern.table["patient"].tolist() == [0, 0, 1, 2] and by_pattern.patients_given
    by_name = read_index(folder)
    assert by_name.table["patient"].tolist() == [0, 1, 2, 3] and not by_name.patients_given
    with pytest.raises(DataError, match="4 of 4 do not fit"):
        read_index(folder, ReadOptions(patient_pattern="(?P<patient>q)"))
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "trainLabels.csv").write_text("image,level,patient\na,0,p\nb,1,p\n")
    assert read_index(tmp_path / "kaggle").table["patient"].tolist() == [0, 0]
    with pytest.raises(DataError, match="told in one way"):
        read_index(tmp_path / "kaggle", ReadOptions(patient_pattern="(?P<patient>.)"))
    write_medmnist(tmp_path / "m.npz")
    with pytest.raises(DataError, match="a MedMNIST file has none"):
        read_index(tmp_path / "m.npz", ReadOptions(patient_pattern="(?P<patient>.)"))


def test_eyes_in_the_folders_of_two_grades_are_one_patient_and_equal_numbers_are_not(tmp_path: Path) -> None:
    for name in ("0/1_left", "3/1_right", "0/2", "3/2"):
        write_image(tmp_path / f"{name}.png")
    data = read_index(tmp_path)
    assert [data.table["grade"].tolist(), data.table["patient"].tolist()] == [[0, 0, 3, 3], [0, 1, 0, 2]]
    assert data.signs == ()
