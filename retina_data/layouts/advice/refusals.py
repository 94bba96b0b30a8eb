"""What it would be wrong to leave out without a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import advice_on_words, doubt_of_parts, doubt_of_scale
from retina_data.layouts.advice.unrecognised import lying
from retina_data.layouts.advice.unused_labels import unused_labels
from retina_data.layouts.folder_names import is_made_of, split_of_path
from retina_data.layouts.folder_tree import Tree, all_pictures, counted, examples
from retina_data.layouts.grade_folders import grade_folder, names_below, numbered_folders, same_word, unused_graded
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import Entry, ReadOptions, clipped, read_table, stem_of, stem_of_path, stems_of
from retina_data.layouts.tables.columns import columns_of
from retina_data.layouts.tables.unread_table import called_grades, look_into

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
    tree: Tree, fates: Fates, unknown: Mapping[str, list[str]], splits: set[str], options: ReadOptions, layout: str
) -> list[Refusal]:
    """What would be left out although it has grades. splits: those of the images that are used."""
    found: list[Refusal] = []
    unused = fates.get(Fate.NOT_LISTED, ())
    if (pictures := all_pictures(tree)) and Fate.PICTURE not in fates:
        found.append(Refusal(NONE_USED, len(pictures), f"{lying(pictures)}, and none is used"))
    if unknown:
        count = sum(map(len, unknown.values()))
        below = names_below(tree)
        parents = {folder.rpartition("/")[0] for folder in unknown}
        names = set[str]().union(*(below[parent] for parent in parents))
        others = set[str]().union(*(found for parent, found in below.items() if parent not in parents))
        advice = advice_on_words(names, options.grades, others) or "rename them"
        text = (
            f"{counted(len(unknown), 'folder')} beside those of grades ({examples(unknown)}) with "
            f"{counted(count, 'picture')} say no grade: {advice}"
        )
        found.append(Refusal("unknown grade folder", count, text))
    found += [*_two_versions(fates), *_of_other_formats(tree, fates, options)]
    unlisted = sum(split_of_path(file.rpartition("/")[0]) in _known(splits) for file in unused)
    if unlisted > (used := len(fates.get(Fate.PICTURE, ()))) > 0 and options.layout is None:
        text = f"{unlisted:,} of {unlisted + used:,} pictures are not used, as the labels do not list them"
        found.append(Refusal(FEW_LISTED, unlisted, f"{text}: find out whether these are whole", True))
    found += _of_another_column(tree, fates, options)
    if options.layout is not None or options.labels is not None or options.image_column is not None:
        return found  # the user chose
    not_read = unused_labels(tree, fates, _known(splits), layout)
    found += [Refusal("labels not read", count, text) for count, text in not_read]
    return found + _graded(tree, fates, options, f"leave them out with --layout {layout}")


def _of_other_formats(tree: Tree, fates: Fates, options: ReadOptions) -> list[Refusal]:
    """Pictures beside or between folders of grades that are used, each with a grade of its own, that are not read."""
    used = fates.get(Fate.PICTURE, ())
    lying_there = [file for fate in (Fate.UNSUPPORTED, Fate.MISNAMED) for file in fates.get(fate, ())]
    if not (used and lying_there) or Fate.LABELS in fates:
        return []
    numbered = numbered_folders({file.rpartition("/")[0] for file in (*used, *lying_there)}, options.grades)

    def parent(file: str) -> str | None:
        graded = grade_folder(file.rpartition("/")[0], options.grades, numbered)
        return graded[0].rpartition("/")[0] if graded else None

    parents, stems = set(map(parent, used)) - {None}, stems_of(used)
    lost = [file for file in lying_there if parent(file) in parents and not is_made_of(stem_of_path(file), stems)]
    text = (
        f"{counted(len(lost), 'picture')} in folders of grades ({examples(lost)}) would not be used: convert them to "
        "JPEG or PNG, or give them the extension that they lack"
    )
    return [Refusal("grades not read", len(lost), text)] if lost else []


def _graded(tree: Tree, fates: Fates, options: ReadOptions, leave_out: str) -> list[Refusal]:
    """Pictures in folders of grades that are not used, and that nothing shows to be made of those that are."""
    used = stems_of(fates.get(Fate.PICTURE, ()))
    unlisted, made = (
        unused_graded(tree, fates.get(fate, ()), used, options.grades) for fate in (Fate.NOT_LISTED, Fate.MADE)
    )
    found = []
    if unlisted:
        split = " below a folder of a split" if any(map(split_of_path, unlisted)) else ""
        text = (
            f"{counted(len(unlisted), 'picture')} in folders of grades{split} ({examples(unlisted)}) would not be "
            f"used: list them in the label file, or {leave_out}"
        )
        found.append(Refusal("split not read" if split else "grades not read", len(unlisted), text))
    if made:
        text = (
            f"{counted(len(made), 'picture')} in folders of grades ({examples(made)}) look like {Fate.MADE}, but no "
            f"picture that is used has their names: rename the folders, or {leave_out}"
        )
        found.append(Refusal("grades not read", len(made), text))
    return found


def scale_doubts(entries: Sequence[Entry], options: ReadOptions) -> list[Refusal]:
    """That grades may be of another scale, and words of the user's that are not there."""
    said = {entry.word: entry.grade for entry in entries if entry.word}
    sources: dict[str, dict[str, int]] = defaultdict(dict)
    for entry in entries:
        if entry.word:
            source = entry.place.rpartition(", line ")[0] or entry.place.partition(f"/{entry.word}")[0]
            sources[f"{entry.split} of {source}" if entry.split else source][entry.word] = entry.grade
    text = doubt_of_scale(said, options.grades) or doubt_of_parts(sources, options.grades)
    unheard = [word for word in options.grades if word and not any(same_word(word, one) for one in said)]
    found = [Refusal("doubtful scale of grades", len(entries), text, only_warns=True)] if text else []
    if unheard:
        text = f"--grade {', '.join(map(clipped, unheard))} is no word that says a grade here: correct or drop it"
        found.append(Refusal("unknown word of --grade", len(unheard), text, only_warns=True))
    return found


def _of_another_column(tree: Tree, fates: Fates, options: ReadOptions) -> list[Refusal]:
    """Pictures that are not used, and that another column of a label file lists: refused where it has their grades."""
    used = stems_of(fates.get(Fate.PICTURE, ()))
    stems = frozenset(stem for stem in stems_of(fates.get(Fate.NOT_LISTED, ())) if not is_made_of(stem, used))
    chosen = options.layout is not None or options.labels is not None or options.image_column is not None
    found = []
    for file in fates.get(Fate.LABELS, ()) if stems else ():
        try:
            one = look_into(tree, file, stems)
            if one.columns.index(one.image) == columns_of(read_table(tree.root / file, file), options).image:
                continue
        except (DataError, ValueError):  # ValueError where no column names any
            continue
        text = (
            f"`{file}` lists {counted(len(one.images), 'picture')} that are not used in its column {one.image!r}: "
            "write a line for each picture, in a label file with the header `image,level,patient`"
        )
        warns = chosen or sum(map(called_grades, one.grades)) < 2
        found.append(Refusal("two pictures in a line", len(one.images), text, warns))
    return found


def stems_of_folders(files: Sequence[str]) -> dict[str, set[str]]:
    """Folder -> the stems of the files in it."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in files:
        folder, _, name = file.rpartition("/")
        found[folder].add(stem_of(name))
    return dict(found)


def _two_versions(fates: Fates) -> list[Refusal]:
    """Images of a folder whose other pictures are left out for those of the same names elsewhere."""
    used = stems_of_folders(fates.get(Fate.PICTURE, ()))
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


def _known(splits: set[str]) -> set[str]:
    """Splits that are read, as a name says them; one that says none is of a training split."""
    return {"", *splits, *(["train"] if "" in splits else [])}
