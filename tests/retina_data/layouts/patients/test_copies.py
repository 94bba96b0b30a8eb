"""retina_data.layouts.patients.copies: the original of a name with a word or a drawn number after it."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.copies import before_number, before_words, originals


def test_before_words_is_the_longest_listed_name() -> None:
    listed = {"x", "x_zoom", "a/x"}
    assert [before_words(name, listed) for name in ("x_zoom_bright", "x_y", "a/x_y", "x_1", "xy", "x_y/z")] == [
        "x_zoom", "x", "a/x", "", "", ""
    ]  # fmt: skip


def test_before_number_is_the_listed_name() -> None:
    listed = {"x", "a/x", "x_1"}
    assert [before_number(name, listed) for name in ("x_0", "x-90deg", "a/x 2", "x_1_2", "x_1234", "x1", "y_1")] == [
        "x", "x", "a/x", "x_1", "", "", ""
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "copies"),
    [
        ([f"{n}{word}" for n in range(3) for word in ("", "_bright", "_zoom2", "_zoom2_dark")], 9),
        ([f"{n}{word}" for n in range(2) for word in ("", "_bright")], 0),  # of two alone
        ([f"{n}{number}" for n in "abc" for number in ("", "_0", "-90", "_180deg")], 9),
        ([f"{n}{number}" for n in "ab" for number in ("", "_0", "_1")], 0),  # of two alone
        ([f"{n}{number}" for n in "abc" for number in ("", *(f"_{k}" for k in range(9)))], 0),  # perhaps of patients
        ([f"{n}_{number}" for n in "abc" for number in (0, 1)], 0),
        ([f"aug_{n}_{number}" for n in range(4) for number in (5, 812, 7071)], 12),
        ([f"aug_{n}_{number}" for n in range(9) for number in (1, 2, 3)], 0),  # numbers that go on
        ([f"site_{n % 2}_{1000 + 97 * n}" for n in range(20)], 0),
        ([f"IMG_20190312_{100000 + n * 7}" for n in range(20)], 0),
        ([f"IDRiD_{n:03}" for n in range(20)], 0),
    ],
)
def test_originals(names: list[str], copies: int) -> None:
    found = originals(names, set(names))
    assert len(found) == copies and not set(found.values()) & set(found)
