"""What it would be wrong to leave out without a word, and advice after a look at what is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize
from zipfile import is_zipfile

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
from retina_data.layouts.grade_folders import grade_folder, two_classes
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import FROM_ONE, ReadOptions, clipped, read_table, stem_of
from retina_data.layouts.tables.published import possible_tables, split_of_file, split_of_labels, unread_tables
from retina_data.layouts.tables.unread_table import UnreadTable, look_into

NONE_USED = "no picture used"

FEW_LISTED = "most pictures not listed"

TWO_VERSIONS = "pictures of two folders"


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
    tree: Tree, fates: Fates, unknown: Mapping[str, list[str]], splits: set[str], options: ReadOptions
) -> list[Refusal]:
    """What would be left out although it has grades. splits: those of the images that are used."""
    found: list[Refusal] = []
    unused = fates.get(Fate.NOT_LISTED, ())
    if (pictures := all_pictures(tree)) and Fate.PICTURE not in fates:
        found.append(Refusal(NONE_USED, len(pictures), f"{_lying(pictures)}, and none is used"))
    if unknown:
        count = sum(map(len, unknown.values()))
        names = sorted(folder.rpartition("/")[2] for folder in unknown)
        remedy = (
            f"rename them, or say what they mean, such as --grade {clipped(f'{names[0]}=4')} (=none leaves them out)"
        )
        if names == ["5"] and not any(name == "0" for file in tree.pictures for name in file.split("/")[:-1]):
            remedy = f"where 1 to 5 are grades counted from 1, {FROM_ONE} say so"
        text = (
            f"{counted(len(unknown), 'folder')} beside those of grades ({examples(unknown)}) with "
            f"{counted(count, 'picture')} say no grade: {remedy}"
        )
        found.append(Refusal("unknown grade folder", count, text))
    found += _two_versions(fates)
    unlisted = sum(split_of_path(file.rpartition("/")[0]) in _known(splits) for file in unused)
    if unlisted > (used := len(fates.get(Fate.PICTURE, ()))) > 0 and options.layout is None:
        text = f"{unlisted:,} of {unlisted + used:,} pictures are not used, as the labels do not list them"
        found.append(Refusal(FEW_LISTED, unlisted, f"{text}: find out whether these are whole", True))
    if options.layout is not None or options.labels is not None or options.image_column is not None:
        return found  # the user chose
    for one in _with_grades(tree, fates, splits):
        text = (
            f"`{one.file}` has grades of {counted(len(one.images), 'picture')} that are not used: read it with "
            f"{one.flags}, or choose what is read with --layout"
        )
        found.append(Refusal("labels not read", len(one.images), text))
    found += _may_have_grades(tree, fates, splits)
    graded = [file for file in unused if split_of_path(file) and grade_folder(file.rpartition("/")[0], options.grades)]
    if graded:
        text = (
            f"{counted(len(graded), 'picture')} in folders of grades below a folder of a split ({examples(graded)}) "
            "would not be used: choose what is read with --layout"
        )
        found.append(Refusal("split not read", len(graded), text))
    return found


def _two_versions(fates: Fates) -> list[Refusal]:
    """Images of a folder whose other pictures are left out for those of the same names elsewhere."""
    used: dict[str, set[str]] = defaultdict(set)
    for file in fates.get(Fate.PICTURE, ()):
        folder, _, name = file.rpartition("/")
        used[folder].add(stem_of(name))
    others = [file.rpartition("/")[::2] for file in fates.get(Fate.SAME_NAME, ())]
    folders = sorted({folder for folder, name in others if folder in used and stem_of(name) not in used[folder]})
    if not folders:
        return []
    count = sum(len(used[folder]) for folder in folders)
    text = (
        f"{counted(count, 'image')} of {examples(folders)} may be of other people, or another version: of other names "
        "there the pictures of other folders are used. Name the folder in the label file, or move one of them away"
    )
    return [Refusal(TWO_VERSIONS, count, text, True)]


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


def _may_have_grades(tree: Tree, fates: Fates, splits: set[str]) -> list[Refusal]:
    """Files of a split that is not read, which cannot be read, where there are pictures that no label file lists."""
    unused, unread = len(fates.get(Fate.NOT_LISTED, ())), set(fates.get(Fate.UNREAD_LABELS, ()))
    known = _known(splits)
    kinds = unread_tables(tree)
    found = []
    for file in [*possible_tables(tree), *kinds] if unused else []:
        if file not in unread or split_of_labels(file) in known:
            continue
        reason = f"`{file}` is {kinds[file]}, which is not read: save it as CSV" if file in kinds else ""
        if not reason:
            try:
                read_table(tree.root / file, file, head=True)
                continue
            except DataError as error:
                reason = str(error)
        grades = f"it may have the grades of {counted(unused, 'unused picture')}"
        found.append(Refusal("labels not read", unused, f"{reason}; {grades} (--layout chooses what is read)"))
    return found


def _known(splits: set[str]) -> set[str]:
    """Splits that are read, as a name says them; one that says none is of a training split."""
    return {"", *splits, *(["train"] if "" in splits else [])}


def _lying(pictures: Sequence[str]) -> str:
    """What pictures lie in the data set's folder."""
    return f"{counted(len(pictures), 'picture')} lie there ({examples(pictures)})"


def advice_on_missing(fates: Fates, absent: list[str]) -> str:
    """What to do about listed images that are not there, after a look at what is."""
    stems = {name.rpartition("/")[2].rpartition(".")[0] or name for name in absent} | {stem_of(one) for one in absent}
    plain_names = {stem.partition(".")[0] for stem in stems}
    misnamed = [file for file in fates.get(Fate.MISNAMED, ()) if _stem(file).partition(".")[0] in plain_names]
    if misnamed:
        return (
            f"{len(misnamed):,} lie there under names without the extension of a picture ({examples(misnamed)}): "
            "rename them to .jpg, .png or .tif"
        )
    unread = [file for file in fates.get(Fate.UNSUPPORTED, ()) if _stem(file) in stems]
    if unread:
        return f"{len(unread):,} lie there in a format that is not read ({examples(unread)}): convert them to PNG"
    packed = [file for file in fates.get(Fate.OTHER, ()) if is_archive(file)]
    if packed:
        return f"unpack {examples(packed)}, or add them"
    kinds = (Fate.NOT_LISTED, Fate.SAME_NAME, Fate.MADE, Fate.HIDDEN)
    others = [file for fate in kinds for file in fates.get(fate, ())]
    elsewhere = [file for file in others if split_of_path(file.rpartition("/")[0]) and _stem(file) in stems]
    if elsewhere:
        return (
            f"{counted(len(elsewhere), 'picture')} of these names lie in a folder of another split "
            f"({examples(elsewhere)}): move them, or call the label file by a name that says no split, such as "
            "labels.csv, so that the folders say it"
        )
    elsewhere = [file for file in others if _stem(file) in stems]
    if elsewhere:
        return (
            f"{counted(len(elsewhere), 'picture')} of these names may be of something else, by their folders or a dot "
            f"({examples(elsewhere)}): where these are the same ones, move or rename them; else delete the lines"
        )
    if others:
        return (
            f"{counted(len(others), 'picture')} that no line lists lie there ({examples(others)}): where these are "
            "the same ones, correct the names"
        )
    return "add them, or delete their lines"


def _stem(file: str) -> str:
    name = normalize("NFC", file.rpartition("/")[2])
    return name.rpartition(".")[0] or name


def unrecognised(tree: Tree) -> str:
    """What lies in a folder of no known layout, and what would read it."""
    lying = [file for file in all_pictures(tree) if extension(file) not in UNREAD]
    texts = [_lying(lying) if lying else "no picture lies there"]
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
    kinds = [(file, UNREAD_TABLES.get(extension(file))) for file in tree.files]
    texts += [f"`{file}` is {kind}, which is not read: save it as CSV" for file, kind in kinds if kind][:2]
    unread = Counter(extension(file) for file in tree.files if extension(file) in UNREAD or is_archive(file))
    texts += [f"{counted(count, 'file')} {kind}, which is not read" for kind, count in unread.items()]
    npz = [file for file in tree.files if extension(file) == ".npz" and not is_zipfile(tree.root / file)]
    texts += [f"`{file}` is no whole .npz file: get it again" for file in npz[:2]]
    texts += [f"`{file}` is a picture ({kind}): give it that extension" for file, kind in tree.misnamed.items()][:2]
    return "; ".join(texts)


def _about(one: UnreadTable) -> str:
    if not one.columns:
        return f"`{one.file}` is empty"
    columns = ", ".join(map(clipped, one.columns[:10]))
    if len(one.columns) == 2 and one.columns[1] in ("0", "1", "2", "3", "4"):
        first = clipped(",".join(one.columns))
        return f"{one.file} must begin with a header, but begins with {first} ({one.file}, line 1): add `image,level`"
    sure = "" if one.image and one.grade else ", if it has grades"
    return f"`{one.file}` has the columns {columns}: read it with {one.flags}{sure}"
