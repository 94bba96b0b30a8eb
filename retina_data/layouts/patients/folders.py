"""What folders of images say: eye, visit, copies; and how visits are written, in folders and in names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from retina_data.layouts.folder_names import without_copies
from retina_data.layouts.patients.eye_words import eye_of

VISIT = r"(?:visit|exam|session|follow[-_ ]?up)[-_ ]?\d+|baseline|follow[-_ ]?up"
_TIME = r"(?:v|(?:day|week|month|year)s?)[-_ ]?\d+|\d+[-_ ]?(?:day|week|month|year)s?"
_DATE = (
    r"(?:19|20)\d\d(?P<dash>[-._]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0[1-9]|[12]\d|3[01])(?P<dot>[-._])(?:0[1-9]|[12]\d|3[01])(?P=dot)(?:19|20)\d\d"
)
CLOCK = r"[-_T ]?(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
_DATE_AND_CLOCK = rf"(?<=[^-_ .][-_ .])(?:19|20)\d\d-?[01]\d-?[0-3]\d{CLOCK}"  # else six digits may be a patient
SHORT_VISIT = r"[tmyw][-_ ]?\d{1,3}|(?:19|20)\d\d"
"""A visit, or a number of something else: T1, M12, 2019."""

LONG_VISITS = f"{VISIT}|{_TIME}|{_DATE_AND_CLOCK}|{_DATE}"
VISITS = f"{LONG_VISITS}|{SHORT_VISIT}"
LONG_VISIT, _ANY_VISIT = re.compile(LONG_VISITS, re.IGNORECASE), re.compile(VISITS, re.IGNORECASE)


class Folder(NamedTuple):
    """What the folders of a name tell. rest: those that are no eye and no visit, without words of copies."""

    rest: str
    eye: str
    visit: str
    copies: str

    def name(self, stem: str) -> str:
        """A name in the folder, as it is compared with others: without the words of copies."""
        return f"{self.rest}/{self.eye}/{self.visit}/{stem}"


def read_folders(paths: Iterable[str], words: tuple[str, ...]) -> dict[str, Folder]:
    """What the folders of each path tell; short visits are read where all folders beside them are visits."""
    beside = defaultdict(set)
    for path in paths:
        folders = path.split("/")
        for number, folder in enumerate(folders):
            beside["/".join(folders[:number])].add(folder)
    visits = {place for place, names in beside.items() if all(map(_ANY_VISIT.fullmatch, names))}
    found = {}
    for path in paths:
        kept, copies, eye, visit = [], [], "", []
        folders = path.split("/")
        for number, folder in enumerate(folders):
            if said := eye_of(folder, words):
                eye = said
            elif LONG_VISIT.fullmatch(folder) or "/".join(folders[:number]) in visits:
                visit.append(folder)
            else:
                rest, copy = without_copies(folder)
                kept.append(rest)
                copies.append(copy)
        found[path] = Folder(*("/".join(filter(None, one)) for one in (kept, [eye], visit, copies)))
    return found
