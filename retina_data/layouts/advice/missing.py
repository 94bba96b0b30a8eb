"""What to do about listed images that are not there."""

from __future__ import annotations

from unicodedata import normalize

from retina_data.layouts.folder_names import split_of_path
from retina_data.layouts.folder_tree import counted, examples, is_archive, not_downloaded
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import stem_of
from retina_data.layouts.tables.published import split_of_file


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
    waiting = [file for file in fates.get(Fate.NOT_DOWNLOADED, ()) if _stem(not_downloaded(file)) in stems]
    if waiting:
        return f"{len(waiting):,} are not downloaded from iCloud yet ({examples(waiting)}): get them there first"
    unread = [file for file in fates.get(Fate.UNSUPPORTED, ()) if _stem(file) in stems]
    if unread:
        return f"{len(unread):,} lie there in a format that is not read ({examples(unread)}): convert them to PNG"
    packed = [file for file in fates.get(Fate.OTHER, ()) if is_archive(file)]
    if packed:
        return f"unpack {examples(packed)}, or add them"
    kinds = (Fate.NOT_LISTED, Fate.SAME_NAME, Fate.MADE, Fate.HIDDEN)
    others = [file for fate in kinds for file in fates.get(fate, ())]
    inner = {stem_of(name.rpartition("/")[2]): f"/{name.rpartition('/')[0]}/" for name in absent if "/" in name}
    pathed = [file for file in others if not _folder(file).endswith(inner.get(_stem(file), "/"))]
    if pathed:
        return (
            f"{counted(len(pathed), 'picture')} of these names lie in other folders than the names say "
            f"({examples(pathed)}): where these are the same ones, give the plain name, without folders"
        )
    elsewhere = [file for file in others if split_of_path(file.rpartition("/")[0]) and _stem(file) in stems]
    if elsewhere:
        remedy = "correct the column of splits in the label file"  # it says them where no file's name does
        if any(map(split_of_file, fates.get(Fate.LABELS, ()))):
            remedy = "call the label file by a name that says no split, such as labels.csv, so that the folders say it"
        return (
            f"{counted(len(elsewhere), 'picture')} of these names lie in a folder of another split "
            f"({examples(elsewhere)}): move them, or {remedy}"
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


def _folder(file: str) -> str:
    return f"/{normalize('NFC', file.rpartition('/')[0])}/"


def _stem(file: str) -> str:
    name = normalize("NFC", file.rpartition("/")[2])
    return name.rpartition(".")[0] or name
