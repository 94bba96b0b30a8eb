"""Photographs -> one uint8 memory map (N, S, S, 3), decoded once for each data set, size, crop and colour.

    HOME/cache/DIGEST-SIZE-CROP[-SHAPE][-COLOUR]/images.npy table.parquet manifest.json sources/FINGERPRINT
    HOME/cache/.REQUEST.partial/                            one that is not finished; the next process goes on with it

The digest is of names, grades, splits and file contents, not of places: a data set that moved is the same. Reading
every byte again to see that nothing changed would take minutes, so a file in `sources/` remembers each set of (path,
size, modification time) that had this digest; when it matches, nothing is opened.

How the field of view is found is one decision for all photographs (`shape_of_all`); the few that were taken for another
shape before it was known are decoded again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import PIL

from retina_data.cache.keys import VERSION, digest_of, file_stats, fingerprint_of, folder_name, request_of
from retina_data.cache.partial import PIXELS, Done, Unfinished, remove_abandoned
from retina_data.duplicates import merged_groups
from retina_data.errors import DataError
from retina_data.files import file_lock, free_bytes
from retina_data.images import decode
from retina_data.images.decode import Colour, Crop, ImageSpec, Source
from retina_data.images.field_of_view import Outline, Shape, shape_note, shape_of_all
from retina_data.layouts.dataset import DataSet, some

_SIZES = range(16, 2049)


@dataclass(frozen=True)
class Cache:
    """A prepared data set.

    `images` (N, S, S, 3) uint8 is a read-only memory map; row n belongs to row n of `table`, which is the data set's
    table with the columns sha256 (of the file), fov_found (False where the crop is none), error (why the image was
    skipped and is black, else "") and group (patient, merged over byte-equal images). `digest` (hex) names the data,
    wherever its files lie. `spec.shape` is the decision on the field of view.
    """

    folder: Path
    images: npt.NDArray[np.uint8]
    table: pd.DataFrame
    digest: str
    spec: ImageSpec

    @property
    def image_size(self) -> int:
        """Side of an image, pixels."""
        return self.spec.size

    @property
    def skipped(self) -> int:
        """Images that could not be read; `assign_splits` leaves them out."""
        return int((self.table["error"] != "").sum())

    @property
    def field_of_view_note(self) -> str:
        """What a reader must know of the field of view; "" where it is a circle, as it is in most data sets."""
        found, read = int(self.table["fov_found"].sum()), len(self.table) - self.skipped
        return shape_note(self.spec.shape, found, read) if self.spec.crop == "fov" else ""


def prepare(
    dataset: DataSet,
    home: Path,
    *,
    image_size: int,
    crop: Crop = "fov",
    colour: Colour = "none",
    on_error: Literal["fail", "skip"] = "fail",
    workers: int | None = None,
    progress: bool = True,
) -> Cache:
    """The cache of a data set below `home`, decoded by `workers` threads (all cores) when it is not there yet.

    16 <= image_size <= 2048. A second process that prepares the same data waits for the first; one that follows an
    interrupted one goes on with what it left. Images that cannot be read are a DataError that names up to ten, or, with
    on_error="skip", black rows whose reason stands in table and manifest; a cache that was made so is used by all.
    """
    spec = ImageSpec(image_size, crop, colour)
    _check(dataset, spec)
    caches = Path(home).resolve() / "cache"
    caches.mkdir(parents=True, exist_ok=True)
    stats = file_stats(dataset.table)
    fingerprint = fingerprint_of(dataset, stats, spec)
    folder = _known(caches, fingerprint)
    if folder is None:
        request = request_of(dataset.table, spec)
        with file_lock(caches / f".{request}.lock"):
            folder = _known(caches, fingerprint)  # another process may have been at it
            if folder is None:
                remove_abandoned(caches)
                check_room(caches, caches / f".{request}.partial" / PIXELS, len(stats) * 3 * image_size**2)
                unfinished = Unfinished(caches / f".{request}.partial", len(stats), image_size, stats)
                try:
                    failed = _decode(dataset, unfinished, stats, spec, on_error, workers, progress)
                    if not failed and crop == "fov":
                        spec = replace(spec, shape=shape_of_all(_outlines(unfinished)))
                        _forget_other_shapes(unfinished, spec.shape)
                        failed = _decode(dataset, unfinished, stats, spec, on_error, workers, progress)
                finally:
                    unfinished.close()
                if failed:
                    raise _unreadable(dataset, failed, spec, caches.parent)
                folder = _finish(dataset, unfinished, caches, fingerprint, spec)
    return open_cache(folder, dataset.table["path"])


def open_cache(folder: Path, paths: pd.Series[str] | None = None) -> Cache:
    """A cache that `prepare` wrote, its images read-only; `paths` replaces those of the table where the data moved.

    Raises DataError when the folder is no cache or its files do not belong together.
    """
    name = f"cache/{folder.name}"  # below the home
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        table = pd.read_parquet(folder / "table.parquet")
        images = np.load(folder / PIXELS, mmap_mode="r", allow_pickle=False)
        digest, spec = manifest["digest"], ImageSpec(manifest["image_size"], manifest["crop"], manifest["colour"])
        spec = replace(spec, shape=manifest.get("field_of_view", "circle"))  # before version 5 it was no other
    except (OSError, ValueError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) else error  # without its folder
        raise DataError(f"{name} must be a prepared cache, but is not readable ({reason}); delete it") from error
    if images.shape != (len(table), spec.size, spec.size, 3) or images.dtype != np.uint8:
        raise DataError(f"{name} must hold {len(table)} images of {spec.size} px, but has {images.shape}; delete it")
    if paths is not None:
        table = table.assign(path=paths.to_numpy())
    return Cache(folder, images, table, digest, spec)


def check_room(caches: Path, started: Path, need: int) -> None:
    """Raise DataError unless `need` bytes are free for a cache, the `started` file of it already counted in."""
    written = started.stat().st_blocks * 512 if started.exists() else 0  # the file has its whole length from the start
    free = free_bytes(caches)
    if need - written > free:
        beside = f" beside {written / 1e9:.2f} GB of them that are there" if written else ""
        raise DataError(
            f"{need / 1e9:.2f} GB must be free in {caches} for photographs of this size, but only {free / 1e9:.2f} GB "
            f"are{beside}; free some space, give a smaller --image-size, or another --home"
        )


def _check(dataset: DataSet, spec: ImageSpec) -> None:
    if spec.size not in _SIZES:
        raise DataError(f"{_SIZES[0]} <= image_size <= {_SIZES[-1]} must hold, but got image_size={spec.size}")
    for name, value, known in (("crop", spec.crop, get_args(Crop)), ("colour", spec.colour, get_args(Colour))):
        if value not in known:
            raise DataError(f"{name} must be {' or '.join(known)}, but got {value!r}")
    if dataset.labels_only:
        raise DataError(
            f"preparing needs images, but {dataset.folder} has labels only: no picture lies there; put the images "
            "beside the label files"
        )


def _decode(
    dataset: DataSet,
    unfinished: Unfinished,
    stats: list[str],
    spec: ImageSpec,
    on_error: str,
    workers: int | None,
    progress: bool,
) -> dict[int, str]:
    """Do the rows that are not done; the reasons of those that failed."""

    def work(row: int, source: Source) -> Done:
        try:
            pixels, sha256, outline = decode.read_photograph(source, spec)
        except Exception as error:  # Pillow's decoders raise nearly every kind
            return Done(stats[row], _content(source), "frame", decode.reason(error))
        unfinished.write(row, pixels)
        return Done(stats[row], sha256, outline, "")

    if on_error == "fail":  # an earlier process skipped them
        unfinished.done = {row: one for row, one in unfinished.done.items() if not one.error}
    jobs = ((row, source) for row, source in enumerate(decode.sources(dataset)) if row not in unfinished.done)
    left = len(stats) - len(unfinished.done)
    bar = f"preparing {'the other ' if unfinished.done else ''}photographs" if progress and left else ""
    failed: dict[int, str] = {}
    for row, one in decode.in_threads(work, jobs, left, workers or os.cpu_count() or 1, bar):
        if one.error and on_error == "fail":
            failed[row] = one.error
        else:
            unfinished.add(row, one)
    return failed


def _outlines(unfinished: Unfinished) -> list[Outline]:
    """What the field of view of each readable photograph was taken for."""
    return [one.outline for one in unfinished.done.values() if not one.error]


def _forget_other_shapes(unfinished: Unfinished, shape: Shape) -> None:
    """Rows of another shape than that of all are done again; one in which no field of view was found stays."""
    if shape != "each":
        fits = ("frame", shape)
        unfinished.done = {row: one for row, one in unfinished.done.items() if one.outline in fits}


def _unreadable(dataset: DataSet, failed: dict[int, str], spec: ImageSpec, home: Path) -> DataError:
    """With the whole command that prepares this very cache without them, for a shell in any folder."""
    table = dataset.table
    data, flags = str(dataset.folder.resolve()), {"layout": dataset.layout, "image-size": spec.size, "crop": spec.crop}
    flags |= {"colour": spec.colour, "home": home, "on-error": "skip"}
    words = ["retina", "data", "prepare", data, *(str(word) for name in flags for word in (f"--{name}", flags[name]))]
    words += replace(dataset.options, layout=None).flags()
    named = [f"{Path(table['path'][row]).name} ({reason})" for row, reason in failed.items()]
    return DataError(
        f"every image must be readable, but {len(failed):,} of {len(table):,} in {dataset.folder} are not: "
        f"{some(named)}; replace them, take their lines out of the label files, or leave them out with "
        f"`{shlex.join(words)}`; the others need not be decoded again"
    )


def _content(source: Source) -> str:
    """SHA-256 of a file that is no image; "" where it cannot even be opened."""
    try:
        return hashlib.sha256(source.read_bytes() if isinstance(source, Path) else source.tobytes()).hexdigest()
    except OSError:
        return ""


def _finish(dataset: DataSet, unfinished: Unfinished, caches: Path, fingerprint: str, spec: ImageSpec) -> Path:
    """Write table and manifest beside the pixels, then give the folder its name: only now it is a cache."""
    rows = [unfinished.done[row] for row in range(len(dataset.table))]
    table = dataset.table.assign(
        sha256=[one.sha256 for one in rows],
        fov_found=[one.outline != "frame" for one in rows],
        error=[one.error for one in rows],
    )
    # Two files that are no images, say two empty ones, do not make their patients one.
    contents = table["sha256"].where(table["error"] == "", "row " + table["row"].astype(str))
    table = table.assign(group=merged_groups(table["patient"], contents))
    digest = digest_of(table, dataset.patients_given)
    skipped = table[table["error"] != ""]
    manifest: dict[str, Any] = {
        "digest": digest,
        "image_size": spec.size,
        "crop": spec.crop,
        "colour": spec.colour,
        "field_of_view": spec.shape if spec.crop == "fov" else "frame",
        "images": len(table),
        "fov_found": int(table["fov_found"].sum()),
        "skipped": [{"image": i, "reason": r} for i, r in zip(skipped["image"], skipped["error"], strict=True)],
        "version": VERSION,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__, "pillow": PIL.__version__},
    }
    partial = unfinished.folder
    table.to_parquet(partial / "table.parquet")
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    (partial / "sources").mkdir(exist_ok=True)
    (partial / "sources" / fingerprint).touch()
    for file in (PIXELS, "table.parquet", "manifest.json"):
        with open(partial / file, "rb+") as written:
            os.fsync(written.fileno())
    return _published(unfinished, caches, digest, spec, fingerprint)


def _published(unfinished: Unfinished, caches: Path, digest: str, spec: ImageSpec, fingerprint: str) -> Path:
    """Rename the folder; where the same data is there already, only remember that it has another source.

    Caches of the same data of an older version go, also those of another shape: a study finds its own by the data.
    """
    folder = caches / folder_name(digest, spec)
    with file_lock(caches / f".{folder.name}.lock"):
        if _current(folder):
            (folder / "sources" / fingerprint).touch()
            shutil.rmtree(unfinished.folder)
        else:
            for other in (caches / folder_name(digest, replace(spec, shape=shape)) for shape in get_args(Shape)):
                if not _current(other):
                    shutil.rmtree(other, ignore_errors=True)
            unfinished.forget()
            os.rename(unfinished.folder, folder)
    return folder


def _known(caches: Path, fingerprint: str) -> Path | None:
    """The finished cache that was made from exactly these files; no unfinished one, about to be renamed."""
    for source in caches.glob(f"[!.]*/sources/{fingerprint}"):
        if _current(source.parents[1]):
            return source.parents[1]
    return None


def _current(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("version") == VERSION
