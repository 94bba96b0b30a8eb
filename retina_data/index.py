"""Label files of a known layout and the images beside them -> one table with a row for each image.

Every rule that the files break is a `DataError`, because pandas' forgiving defaults (a first line eaten as header,
blank lines dropped) shift labels against images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

EXTENSIONS = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
NAMED = 10  # so many offenders are named in a message, the others counted

_LAB_FILES = ("train_img.csv", "train_label.csv", "test_img.csv", "test_label.csv")
_KAGGLE_FILE = "trainLabels.csv"
_HEADERS = frozenset({"image", "images", "img", "name", "id", "id_code", "filename", "file", "level", "label"})
_EYE = re.compile(r"(?P<patient>.+)_(?P<eye>left|right)", re.IGNORECASE)


class DataError(ValueError):
    """A data set breaks a rule; the message names rule, value, place and remedy in one line."""


@dataclass(frozen=True)
class DataSet:
    """What a data set consists of, before any image is opened.

    `table` has the index 0..N-1 and the columns row (int64), image (name as in the label file), patient (group number
    0.. by first appearance), eye ("left", "right" or ""), grade (int64, 0..4), part ("train" or "test") and path
    (absolute, "" when labels_only). `notes` are lines for the reader about what was chosen or is missing.
    """

    folder: Path
    layout: str
    table: pd.DataFrame
    notes: tuple[str, ...]
    labels_only: bool


class _Entry(NamedTuple):
    image: str
    grade: int
    part: str
    place: str  # file and line, for messages


class _Layout(NamedTuple):
    files: str  # what is looked for, in words
    fits: Callable[[Path], bool]
    label_files: tuple[str, ...]
    image_folders: tuple[str, ...]
    entries: Callable[[Path], list[_Entry]]


def read_index(data: Path, layout: str | None = None) -> DataSet:
    """The data set at `data`: its folder, or one of its label files; `layout` chooses where several fit.

    Raises DataError when the folder is missing, no layout fits, a label file breaks its form, an image is listed twice,
    or some images are missing. When no image is there at all the result has `labels_only`, which is no error.
    """
    folder, layout, notes = _choose_layout(Path(data), layout)
    entries = LAYOUTS[layout].entries(folder)
    if not entries:
        raise DataError(f"a data set must list at least one image, but the label files in {folder} are empty")
    _refuse_repeated(entries)
    paths = _find_images(folder, LAYOUTS[layout].image_folders, entries)
    labels_only = not any(paths)
    if labels_only:
        notes.append(f"labels only: none of the {len(entries):,} images is in {folder} or its image folders")
    elif not all(paths):
        absent = [f"{entry.image} ({entry.place})" for entry, path in zip(entries, paths, strict=True) if not path]
        raise DataError(
            f"every listed image must be in {folder} ({', '.join(LAYOUTS[layout].image_folders)}), but "
            f"{len(absent):,} of {len(entries):,} are not there: {some(absent)}; add them, or delete their lines"
        )
    return DataSet(folder, layout, _table(entries, paths), tuple(notes), labels_only)


def some(names: list[str]) -> str:
    """The first ten of `names`, and the number of the others, as text."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _choose_layout(data: Path, layout: str | None) -> tuple[Path, str, list[str]]:
    """Folder, layout and notes."""
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"layout must be one of {', '.join(LAYOUTS)}, but got {layout!r}")
    if not data.exists():
        raise DataError(f"DATA must be a folder or a label file, but {data} does not exist; check the path")
    folder = (data if data.is_dir() else data.parent).resolve()
    fitting = [name for name, form in LAYOUTS.items() if form.fits(folder)]
    if not data.is_dir():  # a label file names its layout
        fitting = [name for name in fitting if data.name in LAYOUTS[name].label_files]
    if layout is not None:
        fitting = [layout] if layout in fitting else []
    if not fitting:
        wanted = "; ".join(f"{n}: {form.files}" for n, form in LAYOUTS.items() if layout in (None, n))
        raise DataError(f"{data} must hold a known layout, but none was recognised; looked for {wanted}")
    chosen, *others = fitting
    if not others:
        return folder, chosen, []
    note = f"layout {chosen} is read, which names a test part, although {', '.join(others)} fits too (--layout chooses)"
    return folder, chosen, [note]


# ---------------------------------------------------------------- label files


def _lab_fits(folder: Path) -> bool:
    return any((folder / file).is_file() for file in _LAB_FILES)


def _lab_entries(folder: Path) -> list[_Entry]:
    """The lab's files: names and grades in separate files of one column without header."""
    entries: list[_Entry] = []
    has_test = any((folder / file).is_file() for file in _LAB_FILES[2:])
    for part in ("train", "test") if has_test else ("train",):
        image_file, label_file = folder / f"{part}_img.csv", folder / f"{part}_label.csv"
        images, labels = _lines(image_file), _lines(label_file)
        if images and images[0].lower() in _HEADERS:
            raise DataError(
                f"{image_file.name} must have no header, but got {images[0]!r} ({image_file}, line 1); delete this line"
            )
        if labels and not re.fullmatch(r"[+-]?[0-9]+", labels[0]):
            raise DataError(
                f"{label_file.name} must have no header, only grades 0..4, but got {labels[0]!r} "
                f"({label_file}, line 1); delete this line"
            )
        if len(images) != len(labels):
            raise DataError(
                f"images and labels must have equal lengths, but {image_file} has {len(images):,} lines and "
                f"{label_file} has {len(labels):,}; line n of one belongs to line n of the other"
            )
        for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
            name = _checked_name(image, f"{image_file}, line {number}")
            grade = _checked_grade(label, f"{label_file}, line {number}")
            entries.append(_Entry(name, grade, part, f"{image_file.name}, line {number}"))
    return entries


def _kaggle_fits(folder: Path) -> bool:
    return (folder / _KAGGLE_FILE).is_file()


def _kaggle_entries(folder: Path) -> list[_Entry]:
    """Kaggle's EyePACS: `image,level` with this header; all of it is the training part."""
    file = folder / _KAGGLE_FILE
    lines = _lines(file)
    if not lines or [field.strip().lower() for field in lines[0].split(",")] != ["image", "level"]:
        got = repr(lines[0]) if lines else "an empty file"
        raise DataError(f"{file.name} must begin with the header `image,level`, but got {got} ({file}, line 1); add it")
    entries: list[_Entry] = []
    for number, line in enumerate(lines[1:], start=2):
        place = f"{file}, line {number}"
        fields = line.split(",")
        if len(fields) != 2:
            raise DataError(f"a line must be `image,level`, but got {line!r} ({place}); correct the line")
        name = _checked_name(fields[0].strip().strip('"'), place)
        grade = _checked_grade(fields[1].strip().strip('"'), place)
        entries.append(_Entry(name, grade, "train", f"{file.name}, line {number}"))
    return entries


LAYOUTS: dict[str, _Layout] = {  # in the order of preference
    "lab": _Layout(
        f"{', '.join(_LAB_FILES)} (no header)", _lab_fits, _LAB_FILES, ("data", "images", "."), _lab_entries
    ),
    "kaggle": _Layout(
        f"{_KAGGLE_FILE} (header image,level)", _kaggle_fits, (_KAGGLE_FILE,), ("train", "images", "."), _kaggle_entries
    ),
}


def _lines(file: Path) -> list[str]:
    """Lines of a label file without blanks and quotes around; none may be blank. BOM and CRLF are tolerated."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{file.name} must be beside the other label files, but {file} does not exist") from None
    except UnicodeDecodeError as error:
        broken = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"a label file must be UTF-8, but {file}, line {broken} is not; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"a label file must be readable, but {file} is not: {error.strerror}") from None
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")] if text else []
    for number, line in enumerate(lines, start=1):
        if not line:
            raise DataError(f"a line must not be blank, but {file}, line {number} is; delete it or fill it in")
    return [line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line for line in lines]


def _checked_grade(text: str, place: str) -> int:
    if text in ("0", "1", "2", "3", "4"):
        return int(text)
    raise DataError(f"a grade must be 0, 1, 2, 3 or 4, but got {text!r} ({place}); correct or delete the line")


def _checked_name(name: str, place: str) -> str:
    """The name, which must stay in its folder: a label file from elsewhere must not point at other files."""
    if not name:
        raise DataError(f"an image name must not be empty ({place}); correct the line")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/") or re.match("[A-Za-z]:", name):
        raise DataError(
            f"an image name must stay in its folder (not absolute, no `..`, backslash or NUL), but got {name!r} "
            f"({place}); give the plain name"
        )
    if "," in name:
        raise DataError(f"a name file must have one column, but got {name!r} ({place}); delete the other columns")
    return name


# ---------------------------------------------------------------- images and patients


def _stem(name: str) -> str:
    """The name without the extension of an image."""
    root, extension = os.path.splitext(name)
    return root if extension.lower() in EXTENSIONS else name


def _refuse_repeated(entries: list[_Entry]) -> None:
    first: dict[str, _Entry] = {}
    repeated: list[str] = []
    for entry in entries:
        earlier = first.setdefault(_stem(entry.image), entry)
        if earlier is not entry:
            repeated.append(f"{entry.image} ({earlier.place} and {entry.place})")
    if repeated:
        raise DataError(f"an image must be listed once, but {some(repeated)} stand twice; delete one line of each")


def _find_images(folder: Path, image_folders: tuple[str, ...], entries: list[_Entry]) -> list[str]:
    """The absolute path of each entry's image, "" where there is none. Each folder is listed once."""
    listings: dict[str, dict[str, str]] = {}
    paths: list[str] = []
    for entry in entries:
        inner, _, name = entry.image.rpartition("/")
        found = ""
        for image_folder in image_folders:
            place = os.path.normpath(folder / image_folder / inner)
            if place not in listings:
                listings[place] = _image_files(place)
            file = listings[place].get(name) or listings[place].get(_stem(name))
            if file:
                found = os.path.join(place, file)
                break
        if found and (inner or os.path.islink(found)):
            _refuse_link_out(found, folder / image_folder, entry)
        paths.append(found)
    return paths


def _image_files(folder: str) -> dict[str, str]:
    """File name by name with and without extension; where stems are equal, the first of EXTENSIONS is taken."""
    try:
        names = [name for name in os.listdir(folder) if os.path.splitext(name)[1].lower() in EXTENSIONS]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    names.sort(key=lambda name: (EXTENSIONS.index(os.path.splitext(name)[1].lower()), name))
    files = {name: name for name in names}
    for name in names:
        files.setdefault(_stem(name), name)
    return files


def _refuse_link_out(found: str, image_folder: Path, entry: _Entry) -> None:
    target = Path(found).resolve()
    if not target.is_relative_to(image_folder.resolve()):
        raise DataError(
            f"an image must lie in its folder, but {entry.image} ({entry.place}) is a link that leads to {target}; "
            "put the file itself there, or link the whole folder"
        )


def _table(entries: list[_Entry], paths: list[str]) -> pd.DataFrame:
    images = [entry.image for entry in entries]
    matches = [_EYE.fullmatch(_stem(image)) for image in images]
    # A name without an eye is its own patient; the blank keeps it apart from a patient of the same name.
    owners = [m["patient"] if m else f" {_stem(image)}" for m, image in zip(matches, images, strict=True)]
    return pd.DataFrame(
        {
            "row": pd.RangeIndex(len(entries)).to_numpy("int64"),
            "image": images,
            "patient": pd.factorize(pd.Series(owners))[0].astype("int64"),
            "eye": [m["eye"].lower() if m else "" for m in matches],
            "grade": pd.Series([entry.grade for entry in entries], dtype="int64"),
            "part": [entry.part for entry in entries],
            "path": paths,
        }
    )
