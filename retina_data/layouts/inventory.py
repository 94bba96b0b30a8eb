"""What becomes of each file of a data set, and what it would be wrong to leave out without a word.

Counts may be recorded; the files' names are for their owner alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import (
    TABLES,
    UNREAD,
    Tree,
    examples,
    extension,
    is_archive,
    split_of_path,
)
from retina_data.layouts.grade_folders import grade_folder, two_classes
from retina_data.layouts.label_files import EXTENSIONS, ReadOptions, clipped, stem_of
from retina_data.layouts.tables.published import possible_tables, split_of_file
from retina_data.layouts.tables.unread_table import UnreadTable, look_into


class Fate(StrEnum):
    """What becomes of a file: it is used, or left out for this reason."""

    PICTURE = "used"
    LABELS = "read as label file"
    NOT_LISTED = "not listed in the labels"
    SAME_NAME = "same name as one that is used"
    UNKNOWN_FOLDER = "in a folder whose name says no grade"
    UNGRADABLE = "ungradable"
    UNSUPPORTED = "in a format that is not read"
    UNREAD_LABELS = "label file that is not read"
    LEFTOVER = "left there by macOS, Windows or a program"
    OTHER = "neither picture nor label file"


USED = (Fate.PICTURE, Fate.LABELS)

NONE_USED = "no picture used"

_PICTURES = (Fate.NOT_LISTED, Fate.SAME_NAME, Fate.UNKNOWN_FOLDER, Fate.UNGRADABLE, Fate.UNSUPPORTED)

Fates = Mapping[Fate, tuple[str, ...]]
"""Files by what becomes of them, relative to the data set's folder: each file once."""


@dataclass(frozen=True)
class Inventory:
    """How many files there are below a data set's folder: used, and left out by reason. It names none."""

    used: Mapping[str, int]
    unused: Mapping[str, int]

    @property
    def files(self) -> int:
        """All of them."""
        return sum(self.used.values()) + sum(self.unused.values())

    @property
    def unused_pictures(self) -> int:
        """Pictures that are not used."""
        return sum(self.unused.get(reason, 0) for reason in _PICTURES)


@dataclass(frozen=True)
class Refusal:
    """What must not be left out unless the user says so. `text` names files: it is for their owner."""

    kind: str
    count: int
    text: str


def fates_of(tree: Tree, used: set[str], ungradable: set[str], read: list[str], unknown: Iterable[str]) -> Fates:
    """Files by what becomes of them. read: label files; unknown: pictures in folders whose names say no grade."""
    stems = {stem_of(file.rpartition("/")[2]) for file in used}
    labels, no_grade, tables = set(read), set(unknown), set(possible_tables(tree))

    def fate(file: str) -> Fate:
        if file in used or file in ungradable:
            return Fate.PICTURE if file in used else Fate.UNGRADABLE
        if file in labels:
            return Fate.LABELS
        kind = extension(file)
        if kind in EXTENSIONS:
            repeated = Fate.SAME_NAME if stem_of(file.rpartition("/")[2]) in stems else Fate.NOT_LISTED
            return Fate.UNKNOWN_FOLDER if file in no_grade else repeated
        if kind in UNREAD:
            return Fate.UNSUPPORTED
        return Fate.UNREAD_LABELS if file in tables or kind in TABLES else Fate.OTHER

    found: dict[Fate, list[str]] = defaultdict(list)
    for file in tree.files:
        found[fate(file)].append(file)
    found[Fate.LEFTOVER].extend(tree.leftovers)
    return {one: tuple(found[one]) for one in Fate if found[one]}


def inventory_of(fates: Fates) -> Inventory:
    """The counts alone."""
    counts = {str(fate): len(files) for fate, files in fates.items()}
    return Inventory(
        {fate: n for fate, n in counts.items() if fate in USED}, {f: n for f, n in counts.items() if f not in USED}
    )


def unused_line(fates: Fates, others: set[str]) -> str:
    """One line about pictures and label files that are not used, "" where all are. others: said elsewhere."""
    pictures = {str(fate): len(fates[fate]) for fate in _PICTURES if fate in fates}
    tables = len(set(fates.get(Fate.UNREAD_LABELS, ())) - others)
    texts = []
    if pictures:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in pictures.items())
        texts.append(f"{_counted(sum(pictures.values()), 'picture')} ({reasons})")
    texts += [_counted(tables, "label file")] if tables else []
    return f"not used: {', '.join(texts)}" if texts else ""


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def refusals(
    tree: Tree, fates: Fates, unknown: Mapping[str, list[str]], splits: set[str], options: ReadOptions
) -> list[Refusal]:
    """What would be left out although it has grades. splits: those of the images that are used."""
    found: list[Refusal] = []
    unused = fates.get(Fate.NOT_LISTED, ())
    if tree.pictures and Fate.PICTURE not in fates:
        found.append(Refusal(NONE_USED, len(tree.pictures), f"{_lying(tree)}, and none is used"))
    if unknown:
        count = sum(map(len, unknown.values()))
        names = sorted(folder.rpartition("/")[2] for folder in unknown)
        text = (
            f"{_counted(len(unknown), 'folder')} beside those of grades ({examples(unknown)}) with "
            f"{_counted(count, 'picture')} say no grade: rename them, or say what they mean, such as "
            f"--grade {clipped(f'{names[0]}=4')} (=none leaves them out)"
        )
        found.append(Refusal("unknown grade folder", count, text))
    if options.layout is not None or options.labels is not None or options.image_column is not None:
        return found  # the user chose
    for one in _with_grades(tree, fates, splits):
        text = (
            f"`{one.file}` has grades of {_counted(len(one.images), 'picture')} that are not used: read it with "
            f"{one.flags}, or choose what is read with --layout"
        )
        found.append(Refusal("labels not read", len(one.images), text))
    graded = [file for file in unused if split_of_path(file) and grade_folder(file.rpartition("/")[0], options.grades)]
    if graded:
        text = (
            f"{_counted(len(graded), 'picture')} in folders of grades below a folder of a split ({examples(graded)}) "
            "would not be used: choose what is read with --layout"
        )
        found.append(Refusal("split not read", len(graded), text))
    return found


def _with_grades(tree: Tree, fates: Fates, splits: set[str]) -> list[UnreadTable]:
    """Label files that are not read and have grades of pictures that are not used."""
    unread = set(fates.get(Fate.UNREAD_LABELS, ()))
    found = []
    for file in possible_tables(tree):
        split, asked = split_of_file(file), [*fates.get(Fate.NOT_LISTED, ())]
        if split not in ("", *splits):
            asked += fates.get(Fate.SAME_NAME, ())
        if file in unread and asked:
            one = look_into(tree, file, frozenset(stem_of(picture.rpartition("/")[2]) for picture in asked))
            found += [one] if one.images and (one.grade or (split and one.grades)) else []
    return found


def _lying(tree: Tree) -> str:
    """What pictures lie in the data set's folder."""
    return f"{_counted(len(tree.pictures), 'picture')} lie there ({examples(tree.pictures)})"


def advice_on_missing(fates: Fates, absent: list[str]) -> str:
    """What to do about listed images that are not there, after a look at what is."""
    stems = {name.rpartition("/")[2].rpartition(".")[0] or name for name in absent} | {stem_of(one) for one in absent}
    unread = [file for file in fates.get(Fate.UNSUPPORTED, ()) if _stem(file) in stems]
    if unread:
        return f"{len(unread):,} lie there in a format that is not read ({examples(unread)}): convert them to PNG"
    packed = [file for file in fates.get(Fate.OTHER, ()) if is_archive(file)]
    if packed:
        return f"unpack {examples(packed)}, or add them"
    others = [file for fate in (Fate.NOT_LISTED, Fate.SAME_NAME) for file in fates.get(fate, ())]
    if others:
        return (
            f"{_counted(len(others), 'picture')} that no line lists lie there ({examples(others)}): where these are "
            "the same ones, correct the names"
        )
    return "add them, or delete their lines"


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def unrecognised(tree: Tree) -> str:
    """What lies in a folder of no known layout, and what would read it."""
    texts = [_lying(tree) if tree.pictures else "no picture lies there"]
    if names := two_classes(tree):
        texts.append(f"the folders {names} look like not referable / referable, but a grade is one of five")
    stems = frozenset(stem_of(file.rpartition("/")[2]) for file in tree.pictures)
    for file in possible_tables(tree)[:2]:
        try:
            one = look_into(tree, file, stems)
        except DataError as error:
            texts.append(str(error))
            continue
        texts.append(_about(one))
    sheets = [file for file in tree.files if extension(file) in TABLES - {".csv", ".tsv"}]
    texts += [f"{examples(sheets)} cannot be read: save it as CSV"] if sheets else []
    unread = Counter(extension(file) for file in tree.files if extension(file) in UNREAD or is_archive(file))
    texts += [f"{_counted(count, 'file')} {kind}, which is not read" for kind, count in unread.items()]
    return "; ".join(texts)


def _about(one: UnreadTable) -> str:
    columns = ", ".join(map(clipped, one.columns[:10]))
    if len(one.columns) == 2 and one.columns[1] in ("0", "1", "2", "3", "4"):
        first = clipped(",".join(one.columns))
        return f"{one.file} must begin with a header, but begins with {first} ({one.file}, line 1): add `image,level`"
    sure = "" if one.image and one.grade else ", if it has grades"
    return f"`{one.file}` has the columns {columns}: read it with {one.flags}{sure}"
