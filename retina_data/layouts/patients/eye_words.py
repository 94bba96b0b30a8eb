"""Words of eyes in names, folders and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from retina_data.layouts.folder_names import names_images

EYES = {"left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right"}

_PAIRS = (
    ("re", "le"), ("rt", "lt"), ("ra", "la"), ("od", "oi"), ("od", "oe"), ("od", "og"), ("rechts", "links"),
    ("derecho", "izquierdo"), ("derecha", "izquierda"), ("direito", "esquerdo"), ("direita", "esquerda"),
    ("droit", "gauche"), ("droite", "gauche"), ("destro", "sinistro"), ("右", "左"),
)  # fmt: skip
"""Right and left, in several languages. In names the short ones may be something else."""

EYE_WORDS = {**EYES, **{word: eye for pair in _PAIRS for word, eye in zip(pair, ("right", "left"), strict=True)}}


def eye_words(names: Iterable[str]) -> tuple[str, ...]:
    """Words that say an eye in these names: the usual ones, and others where both of a pair are there."""
    there = {word for name in names for word in re.split(r"[\W\d_]+", name.lower())}
    return (*EYES, *sorted({word for pair in _PAIRS if there.issuperset(pair) for word in pair} - EYES.keys()))


def eye_of(text: str, words: Iterable[str] = tuple(EYE_WORDS)) -> str:
    """The eye that a folder or a field says (`OS`, `Left images`, `Right eye (OD)`); "" where it says more, or none."""
    said = [one.lower() for one in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", text) if one and not names_images(one)]
    eyes = {EYE_WORDS[one] if one in words else "" for one in said if one not in ("eye", "eyes")}
    return eyes.pop() if len(eyes) == 1 else ""
