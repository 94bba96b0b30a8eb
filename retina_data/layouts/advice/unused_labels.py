"""Label files that are not read, and have or may have the grades of pictures that are not used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import is_scale
from retina_data.layouts.advice.unrecognised import save_as_csv
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import read_table, stem_of_path, stems_of
from retina_data.layouts.tables.published import (
    FORMS,
    PLACEHOLDERS,
    possible_tables,
    split_of_file,
    split_of_labels,
    unread_tables,
)
from retina_data.layouts.tables.unread_table import UnreadTable, called_grades, look_into


def unused_labels(tree: Tree, fates: Fates, splits: set[str], layout: str) -> list[tuple[int, str]]:
    """Pictures that are not used for each such file, and what is said of it. splits: those that are read."""
    leave_out = f"leave it out with --layout {layout}"
    found = []
    for one, count in _with_grades(tree, fates, splits):
        how = _like_those_read(fates, one, layout) or f"read it alone with {one.flags}"
        text = f"`{one.file}` has grades of {counted(count, 'picture')} that are not used: {how}, or {leave_out}"
        found.append((count, text))
    unused = fates.get(Fate.NOT_LISTED, ())
    may_have = _may_have_grades(tree, fates, splits) if unused else []
    return found + [(len(unused), f"{text} (or {leave_out})") for text in may_have]


def _with_grades(tree: Tree, fates: Fates, splits: set[str]) -> Iterator[tuple[UnreadTable, int]]:
    """Files that can be read and have grades of pictures that are not used, and how many these are."""
    unread, used = set(fates.get(Fate.UNREAD_LABELS, ())), stems_of(fates.get(Fate.PICTURE, ()))
    for file in possible_tables(tree):
        split, asked = split_of_file(file), [*fates.get(Fate.NOT_LISTED, ())]
        if split not in splits:
            asked += fates.get(Fate.SAME_NAME, ())
        if file not in unread or not asked or PLACEHOLDERS.search(file.rpartition("/")[2]):
            continue
        stems = stems_of(asked)
        try:
            one, all_listed = look_into(tree, file, stems), look_into(tree, file, stems | used).images
        except DataError:
            continue
        own = all_listed <= stems  # it lists no picture that is used
        first = bool(one.header) and not stems.isdisjoint(map(stem_of_path, one.columns))
        if first and own:
            yield one, len(one.images) + 1
        elif one.images and (one.choices or (split and one.grades) or _may_be_grades(tree, one, own)):
            yield one, len(one.images)


def _may_be_grades(tree: Tree, one: UnreadTable, own: bool) -> bool:
    """Whether the only column of few words is one of grades, on another scale or in other words."""
    if not one.few or called_grades(one.few):
        return bool(one.few)
    number = one.columns.index(one.few)
    rows = read_table(tree.root / one.file, one.file).rows
    return own and is_scale(row[number] for _, row in rows if len(row) > number)


def _like_those_read(fates: Fates, one: UnreadTable, layout: str) -> str:
    """What would have it read beside the label files of a layout; "" where that is not known."""
    if layout not in ("kaggle", "aptos", "idrid", "messidor2"):
        return one.mending()
    image, grade = FORMS[layout].image, FORMS[layout].grades[0]
    if mending := one.mending(image, grade):
        return mending
    names = f"`{image}` and `{grade}` as in `{fates[Fate.LABELS][0]}`"
    grades = one.grade or one.few
    columns = f"`{one.image}` and `{grades}`" if grades else "its columns of images and grades"
    return f"call {columns} {names}, so that both are read"


def _may_have_grades(tree: Tree, fates: Fates, splits: set[str]) -> list[str]:
    """Files that cannot be read: of a split that is not, or beside pictures none of which is used."""
    unused, unread = fates.get(Fate.NOT_LISTED, ()), set(fates.get(Fate.UNREAD_LABELS, ()))
    kinds = unread_tables(tree)
    only_unused = _folders(unused) - _folders(fates.get(Fate.PICTURE, ()))
    found = []
    for file in [*possible_tables(tree), *kinds]:
        folder = file.rpartition("/")[0]
        if file not in unread or (split_of_labels(file) in splits and folder not in only_unused):
            continue
        reason = save_as_csv(file, kinds[file]) if file in kinds else ""
        if not reason:
            try:
                read_table(tree.root / file, file, head=True)
                continue
            except DataError as error:
                reason = str(error)
        found.append(f"{reason}; it may have the grades of {counted(len(unused), 'unused picture')}")
    return found


def _folders(files: Sequence[str]) -> set[str]:
    """Folders in which some files lie, and those around them; not the data set's own."""
    folders = {file.rpartition("/")[0] for file in files}
    return {
        "/".join(names[:n]) for folder in folders for names in [folder.split("/")] for n in range(1, len(names) + 1)
    }
