"""Photographs -> one uint8 memory map (N, S, S, 3), decoded once for each data set, size and crop.

    HOME/cache/DIGEST-SIZE-CROP/images.npy table.parquet manifest.json sources/FINGERPRINT

The digest is of names, grades, parts and file contents, not of places: a data set that moved is the same. Reading every
byte again to see that nothing changed would take minutes, so a file in `sources/` remembers each set of (path, size,
modification time) that had this digest; when it matches, nothing is opened.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import PIL

from retina_data import decode
from retina_data.index import DataError, DataSet, some

Crop = Literal["disc", "none"]

VERSION = 1  # of the pixels: raised when decode or fundus give others
_SIZES = range(16, 2049)


@dataclass(frozen=True)
class Cache:
    """A prepared data set.

    `images` (N, S, S, 3) uint8 is a read-only memory map; row n belongs to row n of `table`, which is the data set's
    table with the columns sha256 (of the file), group (patient, merged over byte-equal images) and disc_found (False
    where the crop is none). `digest` (hex) names the data, wherever its files lie.
    """

    folder: Path
    images: npt.NDArray[np.uint8]
    table: pd.DataFrame
    digest: str
    image_size: int
    crop: Crop


def prepare(
    dataset: DataSet,
    home: Path,
    *,
    image_size: int,
    crop: Crop = "disc",
    workers: int | None = None,
    progress: bool = True,
) -> Cache:
    """The cache of a data set below `home`, decoded by `workers` threads (all cores) when it is not there yet.

    16 <= image_size <= 2048. A second process that prepares the same data waits for the first. What was interrupted
    leaves nothing that is taken for a cache. Raises DataError, naming up to ten, when images cannot be read.
    """
    if image_size not in _SIZES:
        raise DataError(f"{_SIZES[0]} <= image_size <= {_SIZES[-1]} must hold, but got image_size={image_size}")
    if crop not in ("disc", "none"):
        raise DataError(f"crop must be disc or none, but got {crop!r}")
    if dataset.labels_only:
        raise DataError(f"preparing needs images, but {dataset.folder} has labels only; put the images beside them")
    caches = Path(home).resolve() / "cache"
    caches.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint(dataset.table, image_size, crop)
    with _locked(caches / f".{fingerprint}.lock"):
        folder = _known(caches, fingerprint)
        if folder is None:
            folder = _build(dataset, caches, fingerprint, image_size, crop, workers or os.cpu_count() or 1, progress)
    return open_cache(folder, dataset.table["path"])


def open_cache(folder: Path, paths: pd.Series[str] | None = None) -> Cache:
    """A cache that `prepare` wrote, its images read-only; `paths` replaces those of the table where the data moved.

    Raises DataError when the folder is no cache or its files do not belong together.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        table = pd.read_parquet(folder / "table.parquet")
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        digest, size, crop = manifest["digest"], manifest["image_size"], manifest["crop"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} must be a prepared cache, but is not readable ({error}); delete it") from error
    if images.shape != (len(table), size, size, 3) or images.dtype != np.uint8:
        raise DataError(f"{folder} must hold {len(table)} images of {size} px, but has {images.shape}; delete it")
    if paths is not None:
        table = table.assign(path=paths.to_numpy())
    return Cache(folder, images, table, digest, size, crop)


def _build(
    dataset: DataSet, caches: Path, fingerprint: str, size: int, crop: Crop, workers: int, progress: bool
) -> Path:
    """Decode everything into a partial folder, then rename it; the lock of this fingerprint is held."""
    partial = caches / f".{fingerprint}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    (partial / "sources").mkdir(parents=True)
    paths = [Path(path) for path in dataset.table["path"]]
    try:
        hashes, found = decode.decode_all(paths, partial / "images.npy", size, crop == "disc", workers, progress)
        table = dataset.table.assign(sha256=hashes, disc_found=found)
        table = table.assign(group=merged_groups(table["patient"], table["sha256"]))
        table.to_parquet(partial / "table.parquet")
        digest = _digest(table)
        manifest: dict[str, Any] = {
            "digest": digest,
            "image_size": size,
            "crop": crop,
            "images": len(table),
            "discs_found": int(sum(found)),
            "version": VERSION,
            "versions": {"numpy": np.__version__, "pandas": pd.__version__, "pillow": PIL.__version__},
        }
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
        (partial / "sources" / fingerprint).touch()
        for file in ("images.npy", "table.parquet", "manifest.json"):
            with open(partial / file, "rb+") as written:
                os.fsync(written.fileno())
        return _published(partial, caches / f"{digest[:16]}-{size}-{crop}", fingerprint)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _published(partial: Path, folder: Path, fingerprint: str) -> Path:
    """Rename the partial folder; where the same data is there already, only remember that it has another source."""
    with _locked(folder.parent / f".{folder.name}.lock"):
        if _current(folder):
            (folder / "sources" / fingerprint).touch()
        else:
            shutil.rmtree(folder, ignore_errors=True)  # of an older version
            os.rename(partial, folder)
    return folder


def _known(caches: Path, fingerprint: str) -> Path | None:
    """The finished cache that was made from exactly these files."""
    for source in caches.glob(f"*/sources/{fingerprint}"):
        if _current(source.parents[1]):
            return source.parents[1]
    return None


def _current(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("version") == VERSION


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the exclusive lock `file`, which the system frees when its holder dies; wait while another holds it."""
    with open(file, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint(table: pd.DataFrame, size: int, crop: Crop) -> str:
    """Of names, grades, parts, and each file's path, size and modification time: cheap, and enough to see a change."""
    hashed = hashlib.sha256(f"{VERSION} {size} {crop}\n".encode())
    lost: list[str] = []
    for image, grade, part, path in zip(table["image"], table["grade"], table["part"], table["path"], strict=True):
        try:
            stat = os.stat(path)
        except OSError:
            lost.append(image)
            continue
        hashed.update(f"{image}\t{grade}\t{part}\t{path}\t{stat.st_size}\t{stat.st_mtime_ns}\n".encode())
    if lost:
        raise DataError(f"every image must be there, but {len(lost):,} have gone since they were listed: {some(lost)}")
    return hashed.hexdigest()[:32]


def _digest(table: pd.DataFrame) -> str:
    columns = (table["image"], table["grade"], table["part"], table["sha256"])
    lines = (f"{image}\t{grade}\t{part}\t{sha}\n" for image, grade, part, sha in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def merged_groups(patient: pd.Series[int], sha256: pd.Series[str]) -> npt.NDArray[np.int64]:
    """Group number 0.. by first appearance: patients that share a byte-equal image, directly or by others, are one."""
    group = patient.astype("int64")
    while True:
        merged = group.groupby(sha256).transform("min")
        merged = merged.groupby(patient).transform("min")
        if merged.equals(group):
            return np.asarray(pd.factorize(group)[0], dtype=np.int64)
        group = merged
