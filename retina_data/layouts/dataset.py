"""A data set of any known layout -> one table with a row for each image, before any image is opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from retina_data.errors import DataError
from retina_data.layouts import medmnist
from retina_data.layouts.label_files import EXTENSIONS, Entry, some, stem_of
from retina_data.layouts.layouts import LAYOUTS

__all__ = ["DataSet", "read_index", "some"]

_EYE = re.compile(r"(?P<patient>.+)_(?P<eye>left|right)", re.IGNORECASE)


@dataclass(frozen=True)
class DataSet:
    """What a data set consists of, before any image is opened.

    `folder` is where it is: a folder, or a MedMNIST file. `table` has the index 0..N-1 and the columns row (int64),
    image (name as in the label file), patient (group number 0.. by first appearance), eye ("left", "right" or ""),
    grade (int64, 0..4), split ("train", "val" or "test") and path (absolute; "" where there is no file, and a MedMNIST
    file for all its images). `notes` are lines for the reader about what was chosen or is missing; they name no path.
    """

    folder: Path
    layout: str
    table: pd.DataFrame
    notes: tuple[str, ...]
    labels_only: bool
    patients_given: bool = False  # in a column of the label file, and not by the images' names


def read_index(data: Path, layout: str | None = None, *, missing: Literal["fail", "keep"] = "fail") -> DataSet:
    """The data set at `data`: its folder, one of its label files, or a MedMNIST file.

    `layout` chooses where several fit. Raises DataError when the folder is missing, no layout fits, a label file breaks
    its form, an image is listed twice, or some images are missing (`missing="keep"` gives these an empty path). When no
    image is there at all the result has `labels_only`, which is no error.
    """
    place, layout, notes = _choose_layout(Path(data), layout)
    entries = LAYOUTS[layout].entries(place)
    if not entries:
        raise DataError(f"a data set must list at least one image, but the {layout} layout in {place} lists none")
    _refuse_repeated(entries)
    if layout == "medmnist":
        return DataSet(place, layout, _table(entries, [str(place)] * len(entries)), (*notes, medmnist.NOTE), False)
    folders = LAYOUTS[layout].image_folders
    paths = _find_images(place, folders, entries)
    labels_only = not any(paths)
    if labels_only:
        notes.append(f"labels only: none of the {len(entries):,} images is beside the label files ({names(folders)})")
    elif not all(paths) and missing == "fail":
        absent = [f"{entry.image} ({entry.place})" for entry, path in zip(entries, paths, strict=True) if not path]
        raise DataError(
            f"every listed image must be in {place} ({names(folders)}), but {len(absent):,} of {len(entries):,} are "
            f"not there: {some(absent)}; add them, or delete their lines"
        )
    patients_given = any(entry.patient for entry in entries)
    return DataSet(place, layout, _table(entries, paths), tuple(notes), labels_only, patients_given)


def names(folders: tuple[str, ...]) -> str:
    """Folders as words of a message."""
    return ", ".join("beside" if folder == "." else f"{folder}/" for folder in folders)


def _choose_layout(data: Path, layout: str | None) -> tuple[Path, str, list[str]]:
    """Folder, layout and notes."""
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"layout must be one of {', '.join(LAYOUTS)}, but got {layout!r}")
    if not data.exists():
        raise DataError(
            f"DATA must be a folder, a label file or a MedMNIST file, but {data} does not exist; check the path"
        )
    data = data.resolve()
    places = {name: one.find(data) for name, one in LAYOUTS.items() if layout in (None, name)}
    fitting = {name: place for name, place in places.items() if place}
    if not fitting:
        wanted = "; ".join(f"{name}: {LAYOUTS[name].wanted}" for name in places)
        raise DataError(f"{data} must hold a known layout, but none was recognised; looked for {wanted}")
    chosen, *others = sorted(fitting, key=lambda name: not LAYOUTS[name].names_test)  # stable: else as they stand
    if not others:
        return fitting[chosen], chosen, []
    why = ", which names a test split," if LAYOUTS[chosen].names_test else ""
    return fitting[chosen], chosen, [
        f"layout {chosen} is read{why} although {', '.join(others)} fits too (--layout chooses)"
    ]  # fmt: skip


def _refuse_repeated(entries: list[Entry]) -> None:
    first: dict[str, Entry] = {}
    repeated: list[str] = []
    for entry in entries:
        earlier = first.setdefault(stem_of(entry.image), entry)
        if earlier is not entry:
            repeated.append(f"{entry.image} ({earlier.place} and {entry.place})")
    if repeated:
        raise DataError(f"an image must be listed once, but {some(repeated)} stand twice; delete one line of each")


def _find_images(folder: Path, image_folders: tuple[str, ...], entries: list[Entry]) -> list[str]:
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
            file = listings[place].get(name) or listings[place].get(stem_of(name))
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
        found = [name for name in os.listdir(folder) if os.path.splitext(name)[1].lower() in EXTENSIONS]
    except OSError:  # not there, no folder, or a name too long to be one
        return {}
    found.sort(key=lambda name: (EXTENSIONS.index(os.path.splitext(name)[1].lower()), name))
    files = {name: name for name in found}
    for name in found:
        files.setdefault(stem_of(name), name)
    return files


def _refuse_link_out(found: str, image_folder: Path, entry: Entry) -> None:
    target = Path(found).resolve()
    if not target.is_relative_to(image_folder.resolve()):
        raise DataError(
            f"an image must lie in its folder, but {entry.image} ({entry.place}) is a link that leads to {target}; "
            "put the file itself there, or link the whole folder"
        )


def _table(entries: list[Entry], paths: list[str]) -> pd.DataFrame:
    images = [entry.image for entry in entries]
    # The eye stands in the file's own name: a patient whose eyes lie in the folders of two grades is one patient.
    matches = [_EYE.fullmatch(stem_of(image).rpartition("/")[2]) for image in images]
    # A name without an eye is its own patient; the blank keeps it apart from a patient of the same name.
    named = [m["patient"] if m else f" {stem_of(image)}" for m, image in zip(matches, images, strict=True)]
    owners = [entry.patient or name for entry, name in zip(entries, named, strict=True)]
    return pd.DataFrame(
        {
            "row": pd.RangeIndex(len(entries)).to_numpy("int64"),
            "image": images,
            "patient": pd.factorize(pd.Series(owners))[0].astype("int64"),
            "eye": [m["eye"].lower() if m else "" for m in matches],
            "grade": pd.Series([entry.grade for entry in entries], dtype="int64"),
            "split": [entry.split for entry in entries],
            "path": paths,
        }
    )
