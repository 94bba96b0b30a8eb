"""What lies in a folder of no known layout, and what would read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from zipfile import is_zipfile

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import advice_on_words, two_classes
from retina_data.layouts.folder_tree import (
    UNREAD,
    Tree,
    all_pictures,
    as_csv,
    counted,
    examples,
    extension,
    is_archive,
    unread_table,
)
from retina_data.layouts.grade_folders import names_below
from retina_data.layouts.label_files import clipped, stems_of
from retina_data.layouts.tables.published import possible_tables
from retina_data.layouts.tables.unread_table import UnreadTable, look_into


def unrecognised(tree: Tree) -> str:
    """What lies in a folder of no known layout, and what would read it."""
    pictures = [file for file in all_pictures(tree) if extension(file) not in UNREAD]
    texts = [lying(pictures) if pictures else "no picture lies there"]
    if names := two_classes(tree):
        texts.append(f"the folders {names} look like not referable / referable, but a grade is one of five")
    if classes := _classes(tree):
        texts.append(f"the folders {', '.join(map(clipped, classes))} may be grades: {advice_on_words(classes, {})}")
    stems = stems_of(tree.pictures)
    for file in possible_tables(tree)[:2]:
        try:
            one = look_into(tree, file, stems)
        except DataError as error:
            texts.append(str(error))
            continue
        texts.append(_about(one))
    texts += [save_as_csv(file, kind) for file in tree.files if (kind := unread_table(file))][:2]
    unread = Counter(extension(file) for file in tree.files if extension(file) in UNREAD or is_archive(file))
    texts += [f"{counted(count, 'file')} {kind}, which is not read" for kind, count in unread.items()]
    npz = [file for file in tree.files if extension(file) == ".npz" and not is_zipfile(tree.root / file)]
    texts += [f"`{file}` is no whole .npz file: get it again" for file in npz[:2]]
    texts += [f"`{file}` is a picture ({kind}): give it that extension" for file, kind in tree.misnamed.items()][:2]
    return "; ".join(texts)


def _classes(tree: Tree) -> list[str]:
    """Names of the outermost folders that are as many as grades are."""
    levels: dict[int, set[str]] = {}
    for folder, names in names_below(tree).items():
        levels.setdefault(folder.count("/") + bool(folder), set()).update(names)
    found = next((sorted(levels[depth]) for depth in sorted(levels) if 2 < len(levels[depth]) < 9), [])
    letters = {re.sub(r"\d+", "", name) for name in found}
    return [] if len(letters) == 1 and letters != {"R"} else found  # else they are numbers of patients or clinics


def _about(one: UnreadTable) -> str:
    if not one.columns:
        return f"`{one.file}` is empty"
    if one.header:
        first = clipped(one.delimiter.join(one.columns))
        return f"{one.file} must begin with a header, but begins with {first} ({one.file}, line 1): {one.mending()}"
    if len(one.columns) == 1 and one.images:
        return f"`{one.file}` lists pictures and no grades: write these beside, with the header `image,level`"
    sure = "" if one.image and one.choices else ", if it has grades"
    mending = one.mending()
    how = mending or f"read it with {one.flags}{sure}"
    if not one.image and not mending:
        how = f"none names a picture that lies there; correct the names, delete what stands above the header, or {how}"
    return f"`{one.file}` has the columns {', '.join(map(clipped, one.columns[:10]))}: {how}"


def lying(pictures: Sequence[str]) -> str:
    """What pictures lie in the data set's folder."""
    return f"{counted(len(pictures), 'picture')} lie there ({examples(pictures)})"


def save_as_csv(file: str, kind: str) -> str:
    """What to do about a table in a format that is not read."""
    return f"`{file}` is {kind}, which is not read: save it as `{as_csv(file)}`"
