"""Keys of patients that may be one: they differ in letters' case, in zeros, in a part's folder, or in one word."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from retina_data.layouts.label_files import plain
from retina_data.layouts.patients.copies import before_number, before_words
from retina_data.layouts.patients.folders import SHORT_VISIT
from retina_data.layouts.patients.keys import ParsedNames
from retina_data.layouts.patients.signs import HANDFUL, MANY_FOLDERS

_PART = re.compile(r"(?:part|batch|chunk|fold|volume|vol)(?:\d+|[a-d])")
"""Of a folder: one of those into which a collection was divided."""

_NAMESAKE = re.compile(r" \d+$")
"""Of a key: the number that keeps it apart from that of an equal name."""


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
    name = re.sub(r"(?<=[^\W\d_])[-_ .]+(?=\d)", "", name)  # P-1, P1
    return "/".join([*places, name.lstrip("0") or "0" if name.isdigit() else name])


def alike(parsed: ParsedNames, by_column: Sequence[bool]) -> set[int]:
    """Images whose patient is another one's but for a folder or up to three words, which may be a visit or a copy.

    Of a column's patients it is the collection alone, and so it is where names tell no patient. None where they are
    fewer than a tenth of the images.
    """
    columns = {key for key, column in zip(parsed.patient, by_column, strict=True) if column}
    keys = {key: _words(key, key in columns) for key, known in zip(parsed.patient, parsed.known, strict=True) if known}
    by_words = {words: key for key, words in keys.items()}
    groups: dict[tuple[int, int], dict[tuple[str, ...], dict[str, tuple[str, ...]]]]
    groups = defaultdict(lambda: defaultdict(dict))
    for key, words in keys.items():
        for start in range(1 if key in columns else len(words)):
            for stop in range(start + 1, min(start + 3, len(words)) + 1):
                if rest := words[:start] + words[stop:]:
                    groups[start, stop][rest][key] = words[start:stop]
    found = set[str]()
    for alike_by_rest in groups.values():
        for rest, group in alike_by_rest.items():
            if rest in by_words:
                group[by_words[rest]] = ()
        several = [group for group in alike_by_rest.values() if 1 < len(group) <= HANDFUL]
        differ = {words for group in several for words in group.values() if words}
        visits = all(re.fullmatch(SHORT_VISIT, " ".join(words), re.IGNORECASE) for words in differ)
        if visits or len(differ) <= len(several) or len(several) >= MANY_FOLDERS:  # else it may be a patient's number
            found.update(*several)
    unknown = [key for key, known in zip(parsed.patient, parsed.known, strict=True) if not known]
    found |= _namesakes(unknown)
    rows = {n for n, patient in enumerate(parsed.patient) if patient in found}
    return rows if 10 * len(rows) >= len(parsed.patient) else set()


def _namesakes(unknown: Iterable[str]) -> set[str]:
    """Keys of names that tell no patient and stand in several collections, or have another such name within them."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for key in unknown:
        folder, _, name = key.rpartition("/")
        folders[name][folder] = key
    found = {name for name, keys in folders.items() if 1 < len(keys) <= HANDFUL}
    for name in folders:
        if other := before_words(name, folders) or ("" if _NAMESAKE.search(name) else before_number(name, folders)):
            found |= {name, other}
    return {key for name in found for key in folders[name].values()}


def _words(key: str, of_column: bool) -> tuple[str, ...]:
    """The folders and words of a key; of a column's the collection and the id."""
    folder, _, name = key.casefold().rpartition("/")
    return (
        (folder, name) if of_column else (*filter(None, folder.split("/")), *filter(None, re.split(r"[-_. ]+", name)))
    )
