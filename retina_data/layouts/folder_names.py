"""What folders' and files' names say: splits, copies, and what is made from photographs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Mapping
from functools import cache, lru_cache

from retina_data.layouts.label_files import plain, stem_of

_SPLIT_WORDS = (  # English, Spanish, Portuguese, French, Italian, German, without accents
    (r"train\w*|entrena\w*|trein(o|amento)|entrainement|apprentissage|addestramento", "train"),
    (r"va(l|lid|lset)|validat(e|ing)|valida(tion|cion|cao|zione)|validierung|dev|eval(uation|uacion|uierung)?", "val"),
    (r"test\w*|tst|holdout|unseen|solution|pruebas?|essai|prova|prue?f\w*", "test"),
)

COPY_WORDS = (
    r"orig|originals?|raw|aug|augment[a-z]*|copy|copies|duplicates?|(?:re|up|down)(?:size|scale|sample)d?|crop(?:ped)?|clahe|"
    r"graham|enhanced|(?:pre)?process(?:ed|ing)|filter(?:ed)?|gaussian|blur(?:red)?|sharpened|denoised?|normali[sz]ed|"
    r"equali[sz]ed|gr[ae]y(?:scale)?|colou?red|green(?:channel)?|masked|padded|squared?|flip(?:ped)?|[hv]flip|mirror(?:ed)?|"
    r"rot(?:ated?)?|thumbs?|thumbnails?|compressed|converted|\d{2,4}x\d{2,4}(?:px)?"
)
"""Regular expression: what was made of photographs, and what that was made from."""

_COPY = re.compile(rf"(?:{COPY_WORDS})\d*", re.IGNORECASE)

_COUNT = re.compile(r"v?\d*(px)?|ben", re.IGNORECASE)

_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_HOLD_OUT = re.compile("hold[-_ ]out", re.IGNORECASE)

_BESIDE_DEV = re.compile("set|split|data(set)?|images?|img|photos?|fundus|px|folder|csv|labels?", re.IGNORECASE)
"""Words beside `dev` where that is a split."""

_MADE = re.compile(
    "masks?|segmentations?|lesions?|vessels?|(ground)?truths?|annotations?|gradcams?|heatmaps?|thumb(nail)?s?"
)
"""Of a folder's name: what is made from photographs."""

_LESIONS = frozenset((
    "bin", "bv", "cws", "ex", "exudates", "haemorrhages", "he", "hem", "hemorrhages", "irma", "ma",
    "microaneurysms", "nv", "se", "softexudates", "hardexudates",
))  # fmt: skip
"""Folders of masks, where most of their pictures have a namesake elsewhere."""

_BESIDE_OD = frozenset(("os", "oi", "oe", "og", "left", "lefteye", "l", "le", "macula"))
"""Folders beside `od` where that is an eye, or a photograph centred on the disc."""

_IMAGE_FOLDERS = frozenset((
    "data", "image", "images", "img", "imgs", "jpeg", "jpg", "png", "photo", "photos", "picture", "pictures", "fundus",
))  # fmt: skip


def words_of(name: str) -> list[str]:
    """The words of a name in small letters, parted by their case too: `testImages_2` -> test, images."""
    return [word.lower() for word in _WORD.findall(name)]


def split_named(name: str) -> str:
    """The split that a file's or a folder's name says in its words; "" where it says none, or several."""
    letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", name))  # without accents
    words = _WORD.findall(_HOLD_OUT.sub("holdout", letters))
    found = {split for word in words if (split := _split_word(word)) and not _of_a_name(word, words)}
    return found.pop() if len(found) == 1 else ""


def says_labels(name: str) -> bool:
    """Whether a file's name says that labels are in it, or which split it is of."""
    return bool(split_named(name) or re.search("label|grade|annotation|metadata", name, re.IGNORECASE))


def _of_a_name(word: str, words: list[str]) -> bool:
    """Whether a word of a split is one of a clinic's or a person's name: `Val-de-Grace`, `Dev Eye Hospital`."""
    after = words[words.index(word) + 1 :]
    if word.lower() == "val":
        return bool(after) and after[0].lower() in ("d", "de", "del", "di", "do")
    return word.lower() == "dev" and any(not _BESIDE_DEV.fullmatch(other) for other in words if other != word)


def _split_word(word: str) -> str:
    return next((split for pattern, split in _SPLIT_WORDS if re.fullmatch(pattern, word.lower())), "")


def without_split(name: str) -> str:
    """What a name says beside its split, "" for numbers alone: these are of parts."""
    rest = _WORD.sub(lambda word: "" if _split_word(word[0]) else word[0], _HOLD_OUT.sub("holdout", name))
    return rest if _WORD.search(rest) else ""


def split_of_path(path: str) -> str:
    """The split that the innermost folder says, of those that say one: `training_data/test` is a test split."""
    return next(filter(None, map(split_named, reversed(path.split("/")))), "")


def names_images(folder: str) -> bool:
    """Whether a folder's name says that images lie there, or those of a split, and nothing else."""
    return plain(folder) in _IMAGE_FOLDERS or bool(split_named(folder))


@cache
def without_copies(folder: str) -> tuple[str, str]:
    """A folder's name without its words of copies (`clahe`, `resized_512`, `train_augmented`), and these words.

    Where it has some, its words of images and splits and its numbers are off too.
    """
    words = re.split(r"[-_ .]+|(?<=[a-z])(?=[A-Z])", folder)
    copies = [word for word in words if _COPY.fullmatch(word)]
    if not copies:
        return folder, ""
    kept = [word for word in words if word not in copies and not names_images(word) and not _COUNT.fullmatch(word)]
    return "_".join(kept), "_".join(copies).lower()


def is_made_of(stem: str, stems: Container[str]) -> bool:
    """Whether a stem is one of some others, or one of these with a word before or after it: `a_rot90`, `mask-a`."""
    pairs = [(stem[: mark.start()], stem[mark.end() :]) for mark in re.finditer(r"[-_ .]", stem)]
    return stem in stems or any(before in stems or after in stems for before, after in pairs)


def _with_namesakes(listed: list[tuple[str, str]], folders: set[str]) -> set[str]:
    """These folders, where most pictures below them have a namesake elsewhere. listed: folder and name of each."""
    inside = [not folders.isdisjoint(folder.split("/")) for folder, _ in listed]
    others = {stem_of(name) for (_, name), below in zip(listed, inside, strict=True) if not below}
    found = [is_made_of(stem_of(name), others) for (_, name), below in zip(listed, inside, strict=True) if below]
    return folders if 2 * sum(found) > len(found) else set()


@lru_cache(maxsize=2)  # it is asked of the same pictures again and again
def made_from_photographs(files: tuple[str, ...]) -> Mapping[str, int]:
    """Of each file how many of its folders say masks, lesions, heat maps or thumbnails: 0 for photographs.

    `od` is the optic disc, but an eye beside `os` and where most of its pictures have no namesake elsewhere. Beside
    `a.png` the file `a_mask.png` counts one more.
    """
    listed = [file.rpartition("/")[::2] for file in files]
    names = {name for folder in {folder for folder, _ in listed} for name in folder.split("/")}
    made = {name for name in names if any(map(_MADE.fullmatch, [plain(name), *words_of(name)]))}
    made |= {name for name in names if plain(name) in ("gt", "label", "labels")}  # `label 3` is a grade
    made |= _with_namesakes(listed, {name for name in names if plain(name) in _LESIONS})
    if not _BESIDE_OD & set(map(plain, names)):
        made |= _with_namesakes(listed, {name for name in names if plain(name) == "od"})
    of_folder = {folder: sum(name in made for name in folder.split("/")) for folder, _ in listed}
    stems = {(folder, stem_of(name)) for folder, name in listed}

    def beside_its_photograph(folder: str, name: str) -> bool:
        stem, _, word = re.sub(r"[-\s]", "_", stem_of(name)).rpartition("_")
        photograph = stem_of(name)[: len(stem)]
        return _MADE.fullmatch(word.lower()) is not None and (folder, photograph) in stems

    return {
        f"{folder}/{name}".lstrip("/"): of_folder[folder] + beside_its_photograph(folder, name)
        for folder, name in listed
    }
