"""retina_data.layouts.patients.eye_words: usual words of eyes, and those of which both of a pair must be there."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.eye_words import EYES, eye_of, eye_words


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (["1_OD", "1_OI"], {"oi"}), (["1_RE", "2_LE"], {"re", "le"}), (["1_LE", "2_LE"], set()),
        (["rechts/1", "links/1"], {"rechts", "links"}), (["hare", "stale"], set()),
    ],
)  # fmt: skip
def test_a_word_is_an_eye_where_its_fellow_is_there(names: list[str], more: set[str]) -> None:
    assert set(eye_words(names)) == {*EYES, *more}


@pytest.mark.parametrize(
    ("text", "eye"),
    [
        ("OS", "left"), ("Left images", "left"), ("rightEye", "right"), ("Right eye (OD)", "right"), ("OI", "left"),
        ("left/right", ""), ("eyes", ""), ("left behind", ""), ("", ""), ("images", ""),
    ],
)  # fmt: skip
def test_eye_of_a_folder_or_a_field(text: str, eye: str) -> None:
    assert eye_of(text) == eye
