"""Digests that name a cache: of its files, of the request, and of their content."""

from __future__ import annotations

import hashlib
import os

import pandas as pd

from retina_data.errors import DataError
from retina_data.images.decode import ImageSpec
from retina_data.layouts.dataset import DataSet, some

VERSION = 6  # of pixels and table: raised when either changes; an older cache is made again
# 6: damage within JPEGs (runs of zeros, CMYK) and TIFF files is refused, and patients by names, which a digest does not
# hold, are others where words of copies, visits and dates stand in these; the pixels are those of 5.
# 5: squashed photographs are made round, files that are damaged inside are refused, what is transparent is black, and
# dark 16 bits are stretched. All other pixels are those of 4; but an older cache does not say which it has.


def folder_name(digest: str, spec: ImageSpec) -> str:
    """Name of a data set's cache below HOME/cache; a field of view that is no circle stands in it."""
    shape = [spec.shape] if spec.crop == "fov" and spec.shape != "circle" else []
    return "-".join([digest[:16], str(spec.size), spec.crop, *shape, *([spec.colour] if spec.colour != "none" else [])])


def file_stats(table: pd.DataFrame) -> list[str]:
    """Size and modification time of each row's file: cheap, and enough to see a change."""
    known: dict[str, str] = {}
    lost: list[str] = []
    for image, path in zip(table["image"], table["path"], strict=True):
        if path not in known:
            try:
                stat = os.stat(path)
                known[path] = f"{stat.st_size}-{stat.st_mtime_ns}"
            except OSError:
                lost.append(image)
    if lost:
        raise DataError(f"every image must be there, but {len(lost):,} have gone since they were listed: {some(lost)}")
    return [known[path] for path in table["path"]]


def request_of(table: pd.DataFrame, spec: ImageSpec) -> str:
    """Digest of the request, whatever the state of the files: names the unfinished cache that is resumed."""
    return hashlib.sha256(f"{VERSION} {spec}\n{table['path'].str.cat(sep=chr(10))}".encode()).hexdigest()[:32]


def fingerprint_of(dataset: DataSet, stats: list[str], spec: ImageSpec) -> str:
    """Of the files as they are now; patients count where the label file tells them, for they decide the split."""
    table, hashed = dataset.table, hashlib.sha256(f"{VERSION} {spec}\n".encode())
    columns = [table["image"], table["grade"], table["split"], table["path"], stats]
    columns += [table["patient"]] if dataset.patients_given else []
    for line in zip(*columns, strict=True):
        hashed.update(("\t".join(map(str, line)) + "\n").encode())
    return hashed.hexdigest()[:32]


def digest_of(table: pd.DataFrame, patients_given: bool) -> str:
    """Of the content, wherever the files lie: names, grades, splits and each file's SHA-256, and patients if given."""
    hashed = hashlib.sha256()
    columns = [table["image"], table["grade"], table["split"], table["sha256"]]
    columns += [table["patient"]] if patients_given else []  # else they follow from the names
    for line in zip(*columns, strict=True):
        hashed.update(("\t".join(map(str, line)) + "\n").encode())
    return hashed.hexdigest()
