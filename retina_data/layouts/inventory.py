"""What becomes of each file of a data set.

Counts may be recorded; the files' names are for their owner alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from retina_data.layouts.folder_names import made_from_photographs
from retina_data.layouts.folder_tree import TABLES, UNREAD, Tree, counted, extension, hidden, not_downloaded
from retina_data.layouts.label_files import EXTENSIONS, stem_of, stems_of
from retina_data.layouts.tables.published import possible_tables, unread_tables


class Fate(StrEnum):
    """What becomes of a file: it is used, or left out for this reason."""

    PICTURE = "used"
    LABELS = "read as label file"
    NOT_LISTED = "not listed in the labels"
    SAME_NAME = "same name as one that is used"
    MADE = "masks, annotations or thumbnails by their names"
    UNKNOWN_FOLDER = "in a folder whose name says no grade"
    UNGRADABLE = "ungradable"
    UNSUPPORTED = "in a format that is not read"
    MISNAMED = "without the extension of a picture: rename to .jpg, .png or .tif"
    NOT_DOWNLOADED = "not downloaded from iCloud yet"
    HIDDEN = "hidden, as the name begins with a dot"
    UNREAD_LABELS = "label file that is not read"
    LEFTOVER = "left there by macOS, Windows or a program"
    OTHER = "neither picture nor label file"


USED = (Fate.PICTURE, Fate.LABELS)

_PICTURES = (
    Fate.NOT_LISTED, Fate.SAME_NAME, Fate.MADE, Fate.UNKNOWN_FOLDER, Fate.UNGRADABLE, Fate.UNSUPPORTED, Fate.MISNAMED,
    Fate.NOT_DOWNLOADED, Fate.HIDDEN,
)  # fmt: skip

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


def fates_of(tree: Tree, used: set[str], ungradable: set[str], read: list[str], unknown: Iterable[str]) -> Fates:
    """Files by what becomes of them. read: label files; unknown: pictures in folders whose names say no grade."""
    stems = stems_of(used)
    made = made_from_photographs(tree.pictures)
    least = min((made[file] for file in used), default=0)
    labels, no_grade, tables = set(read), set(unknown), {*possible_tables(tree), *unread_tables(tree)}

    def fate(file: str) -> Fate:
        if file in used or file in ungradable:
            return Fate.PICTURE if file in used else Fate.UNGRADABLE
        if file in labels:
            return Fate.LABELS
        if not_downloaded(file):
            return Fate.NOT_DOWNLOADED
        kind = extension(file)
        if kind in EXTENSIONS and hidden(file):
            return Fate.HIDDEN
        if kind in EXTENSIONS and used and made[file] > least:
            return Fate.MADE
        if kind in EXTENSIONS:
            repeated = Fate.SAME_NAME if stem_of(file.rpartition("/")[2]) in stems else Fate.NOT_LISTED
            return Fate.UNKNOWN_FOLDER if file in no_grade else repeated
        if kind in UNREAD or tree.misnamed.get(file) in UNREAD:
            return Fate.UNSUPPORTED
        if file in tree.misnamed:
            return Fate.MISNAMED
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
        texts.append(f"{counted(sum(pictures.values()), 'picture')} ({reasons})")
    texts += [counted(tables, "label file")] if tables else []
    return f"not used: {', '.join(texts)}" if texts else ""
