"""Spellings of one patient: keys that differ in letters' case, in zeros, or in the folder of a part alone."""

from __future__ import annotations

import re
from collections import defaultdict

from retina_data.layouts.label_files import plain
from retina_data.layouts.patients.keys import ParsedNames

_PART = re.compile(r"(?:part|batch|chunk|fold|volume|vol)(?:\d+|[a-d])")
"""Of a folder: one of those into which a collection was divided."""


def one_spelling(parsed: ParsedNames) -> tuple[list[str], int, set[int]]:
    """Keys with one spelling for each patient; how many patients had several; and images whose spellings stay apart.

    They stay apart where together a patient would have the same eye, visit and view twice.
    """
    spellings: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n, (key, known) in enumerate(zip(parsed.patient, parsed.known, strict=True)):
        if known:
            spellings[_plain(key)][key].append(n)
    keys, merged, apart = list(parsed.patient), 0, set[int]()
    for spelled in spellings.values():
        rows = [n for one in spelled.values() for n in one]
        eyes = [
            {(parsed.eye[n], parsed.visit[n], parsed.view[n]) for n in one if parsed.eye[n] and not parsed.copy[n]}
            for one in spelled.values()
        ]
        if len(spelled) > 1 and sum(map(len, eyes)) > len(set().union(*eyes)):
            apart |= set(rows)
        elif len(spelled) > 1:
            merged += 1
            for n in rows:
                keys[n] = min(spelled)
    return keys, merged, apart


def _plain(key: str) -> str:
    """A key as it is compared."""
    folder, _, name = key.casefold().rpartition("/")
    places = [place for place in folder.split("/") if place and not _PART.fullmatch(plain(place))]
    return "/".join([*places, name.lstrip("0") or "0" if name.isdigit() else name])
