"""Keys of patients that may be one: they differ in letters' case, in zeros, a part's folder, one word, or an eye."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from retina_data.layouts.label_files import plain
from retina_data.layouts.patients.copies import before_number, before_words
from retina_data.layouts.patients.folders import SHORT_VISIT
from retina_data.layouts.patients.keys import ParsedNames, parse
from retina_data.layouts.patients.signs import HANDFUL, MANY_FOLDERS, Cause, Sign

_PART = re.compile(
    r"(?:part|teil|parte|batch|chunk|fold|volume|vol|cd|dvd|dis[ck]|images?|archive|zip|download)(?:\d+|[a-d])"
)
"""Of a folder: one of those into which a collection was divided."""

_DOWNLOAD = re.compile(r"[-_ ]?\d{8}t\d{6}z(?:[-_ ]\d+)*$|(?<=^onedrive)_\d+_.*|[-_ ]?\(\d+\)$")
"""At the end of a folder's name in small letters: which download, or which of its archives, it was unpacked from."""

_FEW_DIVIDED = 3
"""Fewer patients than this may be divided by a slip."""

YEAR = re.compile(r"(?:19|20)\d\d")

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
    places = [_DOWNLOAD.sub("", place) for place in folder.split("/") if place and not _PART.fullmatch(plain(place))]
    name = re.sub(r"(?<=[^\W\d_])[-_ .]+(?=\d)", "", name)  # P-1, P1
    return "/".join([*places, name.lstrip("0") or "0" if name.isdigit() else name])


def divided(parsed: ParsedNames, keys: Sequence[str]) -> list[Sign]:
    """The sign that a column gives the eyes or visits of a patient a value each. parsed: by the names; keys: by it.

    By the names: it parts the eyes of nearly all patients, and puts together no two of them. By its own values: most
    differ from another one in an eye or a visit alone.
    """
    eyes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    owners: dict[str, set[str]] = defaultdict(set)
    for patient, eye, known, key in zip(parsed.patient, parsed.eye, parsed.known, keys, strict=True):
        if key:
            owners[key].add(patient)
            eyes[patient][eye if known else ""].add(key)
    pairs = {patient: found for patient, found in eyes.items() if found["left"] and found["right"]}
    apart = {patient: None for patient, found in pairs.items() if found["left"].isdisjoint(found["right"])}
    several = sum(len(found) > 1 for found in owners.values())
    if len(apart) >= _FEW_DIVIDED and 10 * len(apart) >= 9 * len(pairs) and 10 * several <= len(owners):
        text = f"it parts the eyes of {len(apart):,} of {len(pairs):,} patients with two eyes by the names"
        return [_divided(text, sum(patient in apart for patient in parsed.patient), list(apart))]
    found = max((_in_endings(list(owners), end) for end in ("", "_left")), key=len)
    if len(found) < 2 * _FEW_DIVIDED or 2 * len(found) < len(owners):
        return []
    text = f"{len(found):,} of its {len(owners):,} values differ from others in an eye or a visit alone"
    return [_divided(text, sum(map(set(found).__contains__, keys)), found)]


def _in_endings(values: Sequence[str], end: str) -> list[str]:
    """Values that differ from others in an eye or a visit alone. end: put to each; short visits are read before it."""
    names = [value.rpartition("/")[2] for value in values]
    read = parse([f"{name}{end}" for name in names])
    groups: dict[tuple[str, str], dict[tuple[str, str], str]] = defaultdict(dict)
    for value, name, patient, eye, visit in zip(values, names, read.patient, read.eye, read.visit, strict=True):
        if (eye and not end) or (visit and name.startswith(patient) and not YEAR.fullmatch(visit)):
            groups[value.rpartition("/")[0], patient][eye, visit] = value
    return [value for group in groups.values() if len(group) > 1 for value in group.values()]


def _divided(text: str, images: int, examples: Sequence[str]) -> Sign:
    remedy = (
        "write one value for all images of a patient, or give the column another name, such as `image_id`, so that the "
        "images' names tell the patients"
    )
    text = f"the column of patients must have one value for a patient's images, but {text}"
    counts = {"images": images, "patients": len(examples)}
    return Sign(Cause.DIVIDED, text, remedy, counts, tuple(" ".join(one.split()) for one in examples[:2]))


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
