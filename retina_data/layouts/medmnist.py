"""A MedMNIST file: arrays of images and labels for each split, in one .npz.

Images are read one after the other from the zip file, so that memory does not grow with their number and a file that
unpacks to more than memory holds does no harm.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from retina_data.errors import DataError
from retina_data.gate import shortened
from retina_data.grades import GRADES
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.label_files import Entry, some

SPLITS = ("train", "val", "test")

NOTE = (
    "the file names no patients, so each image is taken for its own patient; "
    "where a patient has several images, intervals are too narrow"
)

_BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What a zip file raises that is damaged, encrypted or packed in another way."""

_MOST_LABELS = 1_000_000  # each becomes a row in memory; the largest file of MedMNIST has 236,386

_MOST_HEADER = 10_000  # bytes of a .npy header, as NumPy itself allows, but looked at before they are read

_SIDES = range(1, 4097)


def find(tree: Tree) -> str | None:
    """The only MedMNIST file of a data set's folder, not below it."""
    here = [file for file in tree.files if file.lower().endswith(".npz") and "/" not in file]
    fitting = [file for file in here if _fits(tree.root / file)]
    if len(fitting) > 1:
        raise DataError(
            f"a folder must hold one MedMNIST file, but {tree.root} holds {some(fitting)}; give the file itself"
        )
    return fitting[0] if fitting else None


def entries(file: Path, chosen: bool = False) -> list[Entry]:
    """Each image of each split that is there, named by split and number: `train_00012`.

    Raises DataError where no image has the last grade, unless the layout was chosen: the labels are of something else.
    """
    found: list[Entry] = []
    for split in _splits(file):
        images, labels = _shape(file, f"{split}_images"), _labels(file, split)
        if len(images) not in (3, 4) or images[3:] not in ((), (3,)) or not all(s in _SIDES for s in images[1:3]):
            raise DataError(
                f"{split}_images must be (N, S, S, 3) or (N, S, S), but has shape {images} ({file}); "
                "give a file of two-dimensional images"
            )
        if images[0] != len(labels):
            raise DataError(
                f"{split}_images and {split}_labels must have equal lengths, but have {images[0]:,} and "
                f"{len(labels):,} ({file})"
            )
        found += [Entry(f"{split}_{n:05}", g, split, f"{split}_labels, row {n}") for n, g in enumerate(labels)]
    if found and not chosen and (most := max(entry.grade for entry in found)) < len(GRADES) - 1:
        raise DataError(
            f"a MedMNIST file must have RetinaMNIST's grades 0..4, but the labels of {file} are 0..{most}, as of other "
            "diseases (OCTMNIST has four classes); get RetinaMNIST, or take these for grades with --layout medmnist"
        )
    return found


def pixels(file: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Each image as uint8 (H, W, 3), in the order of `entries`; grey ones with three equal channels."""
    for split in _splits(file):
        shape = _shape(file, f"{split}_images")
        size = int(np.prod(shape[1:]))
        with _member(file, f"{split}_images") as member:
            _header(member, file, f"{split}_images")
            for _ in range(shape[0]):
                data = _read(member, size, file)
                image = np.frombuffer(data, np.uint8).reshape(shape[1:])
                yield image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _read(member: IO[bytes], size: int, file: Path) -> bytes:
    try:
        data = member.read(size)
    except _BROKEN as error:
        raise _damaged(file, error) from error
    if len(data) < size:
        raise DataError(f"{file} must be a whole MedMNIST file, but ends early; get it again")
    return data


@contextmanager
def _member(file: Path, name: str) -> Iterator[IO[bytes]]:
    """An array of the file, open for reading. Raises KeyError where there is none."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as member:
            yield member
    except _BROKEN as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(f"{file} must be a whole MedMNIST file, but is damaged ({shortened(str(error))}); get it again")


def _fits(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return {"train_images.npy", "train_labels.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _splits(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except _BROKEN as error:
        raise _damaged(file, error) from error
    return [split for split in SPLITS if f"{split}_images.npy" in names]


def _shape(file: Path, name: str) -> tuple[int, ...]:
    with _member(file, name) as member:
        shape, dtype = _header(member, file, name)
    if dtype != np.uint8:
        raise DataError(f"{name} must hold uint8, but holds {dtype} ({file})")
    return shape


def _labels(file: Path, split: str) -> list[int]:
    name = f"{split}_labels"
    try:
        with _member(file, name) as member:
            shape, dtype = _header(member, file, name)
            count = int(np.prod(shape))
            if not np.issubdtype(dtype, np.integer) or count != shape[0] or count > _MOST_LABELS:
                raise DataError(f"{name} must be whole numbers (N, 1), but is {dtype} {shape} ({file})")
            values = np.frombuffer(_read(member, count * dtype.itemsize, file), dtype)
    except KeyError:
        raise DataError(f"{split}_images must have {name} beside them, but {file} has none") from None
    wrong = np.flatnonzero((values < 0) | (values > 4))
    if len(wrong):
        raise DataError(
            f"a grade must be 0, 1, 2, 3 or 4, but got {values[wrong[0]]} ({file}, {name}, row {wrong[0]}); "
            "give a file of diabetic retinopathy grades"
        )
    return [int(value) for value in values]


def _header(member: IO[bytes], file: Path, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type of a .npy stream, which is left at its first value. Nothing is unpickled."""
    try:
        shape, fortran, dtype = _npy_header(member)
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError, *_BROKEN) as error:
        raise DataError(
            f"{name} must be an array, but is not readable ({shortened(str(error))}; {file}); get the file again"
        ) from None
    if dtype.hasobject or (fortran and len(shape) > 1 and name.endswith("_images")) or not shape:
        raise DataError(f"{name} must be an array of numbers in C order, but is not ({file})")
    return tuple(int(n) for n in shape), dtype


def _npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """NumPy's own reading of a header whose length was looked at first: it reads 4 GB where the file says so.

    Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """
    version = np.lib.format.read_magic(member)
    width = 2 if version == (1, 0) else 4
    length = member.read(width)
    size = int.from_bytes(length, "little")
    if len(length) < width or size > _MOST_HEADER:
        raise ValueError(f"a header of {size:,} bytes")
    header = io.BytesIO(length + member.read(size))
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(header)
    if any(not isinstance(n, int) or not 0 <= n < 2**40 for n in shape):
        raise ValueError(f"a shape of {shape}")
    return shape, fortran, dtype
