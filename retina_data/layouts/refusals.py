"""What it would be wrong to leave out without a word, and advice after a look at what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import (
    UNREAD,
    UNREAD_TABLES,
    Tree,
    all_pictures,
    counted,
    examples,
    extension,
    is_archive,
    split_of_path,
)
from retina_data.layouts.grade_folders import grade_folder, names_below, two_classes
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import Entry, ReadOptions, clipped, read_table, stem_of
from retina_data.layouts.tables.published import (
    FORMS,
    possible_tables,
    split_of_file,
    split_of_labels,
    unread_tables,
)
from retina_data.layouts.tables.scale import advice_on_words, doubt_of_scale
from retina_data.layouts.tables.unread_table import UnreadTable, look_into

NONE_USED = "no picture used"

COUNTED_FROM_ONE = "counted from 1"


@dataclass(frozen=True)
class Refusal:
    """What must not be left out unless the user says so, or is only warned of.

    text: it names files, and is for their owner.
    """

    kind: str
    count: int
    text: str
    only_warns: bool = False


def refusals(
    tree: Tree, fates: Fates, unknown: Mapping[str, list[str]], splits: set[str], options: ReadOptions, layout: str
) -> list[Refusal]:
    """What would be left out although it has grades. splits: those of the images that are used."""
    leave_out = f"leave that out with --layout {layout}"
    found: list[Refusal] = []
    unused = fates.get(Fate.NOT_LISTED, ())
    if (pictures := all_pictures(tree)) and Fate.PICTURE not in fates:
        found.append(Refusal(NONE_USED, len(pictures), f"{_lying(pictures)}, and none is used"))
    if unknown:
        count = sum(map(len, unknown.values()))
        below = names_below(tree)
        names = set[str]().union(*(below[folder.rpartition("/")[0]] for folder in unknown))
        text = (
            f"{counted(len(unknown), 'folder')} beside those of grades ({examples(unknown)}) with "
            f"{counted(count, 'picture')} say no grade: {advice_on_words(names, options.grades) or 'rename them'}"
        )
        found.append(Refusal("unknown grade folder", count, text))
    if options.layout is not None or options.labels is not None or options.image_column is not None:
        return found  # the user chose
    for one in _with_grades(tree, fates, splits):
        how = one.mending or _like_those_read(fates, one, layout) or f"read it alone with {one.flags}"
        text = (
            f"`{one.file}` has grades of {counted(len(one.images), 'picture')} that are not used: {how}, or {leave_out}"
        )
        found.append(Refusal("labels not read", len(one.images), text))
    found += [
        Refusal("labels not read", len(unused), f"{text} (or {leave_out})")
        for text in _may_have_grades(tree, fates, splits)
    ]
    graded = [file for file in unused if split_of_path(file) and grade_folder(file.rpartition("/")[0], options.grades)]
    if graded:
        text = (
            f"{counted(len(graded), 'picture')} in folders of grades below a folder of a split ({examples(graded)}) "
            f"would not be used: list them in the label file, or {leave_out}"
        )
        found.append(Refusal("split not read", len(graded), text))
    return found


def scale_doubts(entries: Sequence[Entry], options: ReadOptions) -> list[Refusal]:
    """That grades may be counted from 1, where they are."""
    said = {entry.word: entry.grade for entry in entries if entry.word}
    text, refused = doubt_of_scale(said, options.grades)
    return [Refusal(COUNTED_FROM_ONE, len(entries), text, not refused)] if text else []


def _like_those_read(fates: Fates, one: UnreadTable, layout: str) -> str:
    """What its columns must be called to be read beside the label files of a layout; "" where that is not known."""
    if layout not in ("kaggle", "aptos", "idrid", "messidor2") or not one.image or not one.grade:
        return ""
    names = f"`{FORMS[layout].image}` and `{FORMS[layout].grades[0]}`, as in `{fates[Fate.LABELS][0]}`"
    return f"call its columns `{one.image}` and `{one.grade}` {names}, so that both are read"


def _with_grades(tree: Tree, fates: Fates, splits: set[str]) -> list[UnreadTable]:
    """Label files that are not read and have grades of pictures that are not used."""
    unread = set(fates.get(Fate.UNREAD_LABELS, ()))
    found = []
    for file in possible_tables(tree):
        split, asked = split_of_file(file), [*fates.get(Fate.NOT_LISTED, ())]
        if split not in ("", *splits):
            asked += fates.get(Fate.SAME_NAME, ())
        if file not in unread or not asked:
            continue
        try:
            one = look_into(tree, file, frozenset(stem_of(picture.rpartition("/")[2]) for picture in asked))
        except DataError:
            continue
        found += [one] if one.images and (one.grade or (split and one.grades)) else []
    return found


def _may_have_grades(tree: Tree, fates: Fates, splits: set[str]) -> list[str]:
    """Files of a split that is not read, which cannot be read, where there are pictures that no label file lists."""
    unused, unread = len(fates.get(Fate.NOT_LISTED, ())), set(fates.get(Fate.UNREAD_LABELS, ()))
    known = {"", *splits, *(["train"] if "" in splits else [])}
    kinds = unread_tables(tree)
    found = []
    for file in [*possible_tables(tree), *kinds] if unused else []:
        if file not in unread or split_of_labels(file) in known:
            continue
        reason = _save_as_csv(file, kinds[file]) if file in kinds else ""
        if not reason:
            try:
                read_table(tree.root / file, file, head=True)
                continue
            except DataError as error:
                reason = str(error)
        found.append(f"{reason}; it may have the grades of {counted(unused, 'unused picture')}")
    return found


def _save_as_csv(file: str, kind: str) -> str:
    return f"`{file}` is {kind}, which is not read: save it as `{file.rpartition('.')[0]}.csv`"


def _lying(pictures: Sequence[str]) -> str:
    """What pictures lie in the data set's folder."""
    return f"{counted(len(pictures), 'picture')} lie there ({examples(pictures)})"


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
    elsewhere = [file for file in others if split_of_path(file.rpartition("/")[0]) and _stem(file) in stems]
    if elsewhere:
        return (
            f"{counted(len(elsewhere), 'picture')} of these names lie in a folder of another split "
            f"({examples(elsewhere)}): move them, or call the label file by a name that says no split, such as "
            "labels.csv, so that the folders say it"
        )
    if others:
        return (
            f"{counted(len(others), 'picture')} that no line lists lie there ({examples(others)}): where these are "
            "the same ones, correct the names"
        )
    return "add them, or delete their lines"


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def unrecognised(tree: Tree) -> str:
    """What lies in a folder of no known layout, and what would read it."""
    texts = [_lying(tree.pictures) if tree.pictures else "no picture lies there"]
    if names := two_classes(tree):
        texts.append(f"the folders {names} look like not referable / referable, but a grade is one of five")
    if classes := _classes(tree):
        texts.append(f"the folders {', '.join(map(clipped, classes))} may be grades: {advice_on_words(classes, {})}")
    stems = frozenset(stem_of(file.rpartition("/")[2]) for file in tree.pictures)
    for file in possible_tables(tree)[:2]:
        try:
            one = look_into(tree, file, stems)
        except DataError as error:
            texts.append(str(error))
            continue
        texts.append(_about(one))
    kinds = [(file, UNREAD_TABLES.get(extension(file))) for file in tree.files]
    texts += [_save_as_csv(file, kind) for file, kind in kinds if kind][:2]
    unread = Counter(extension(file) for file in tree.files if extension(file) in UNREAD or is_archive(file))
    texts += [f"{counted(count, 'file')} {kind}, which is not read" for kind, count in unread.items()]
    return "; ".join(texts)


def _classes(tree: Tree) -> list[str]:
    """Names of the outermost folders that are as many as grades are."""
    levels: dict[int, set[str]] = {}
    for folder, names in names_below(tree).items():
        levels.setdefault(folder.count("/") + bool(folder), set()).update(names)
    return next((sorted(levels[depth]) for depth in sorted(levels) if 2 < len(levels[depth]) < 9), [])


def _about(one: UnreadTable) -> str:
    if not one.columns:
        return f"`{one.file}` is empty"
    if one.header:
        first = clipped(",".join(one.columns))
        return f"{one.file} must begin with a header, but begins with {first} ({one.file}, line 1): {one.mending}"
    sure = "" if one.image and one.grade else ", if it has grades"
    how = one.mending or f"read it with {one.flags}{sure}"
    return f"`{one.file}` has the columns {', '.join(map(clipped, one.columns[:10]))}: {how}"
