"""Photographs -> one uint8 memory map (N, S, S, 3), decoded once for each data set, size, crop and colour.

    HOME/cache/DIGEST-SIZE-CROP[-SHAPE][-COLOUR]/images.npy table.parquet manifest.json sources/FINGERPRINT
    HOME/cache/.REQUEST.partial/                            one that is not finished; the next process goes on with it

The digest is of names, grades, splits and file contents, not of places: a data set that moved is the same. Reading
every byte again to see that nothing changed would take minutes, so a file in `sources/` remembers each set of (path,
size, modification time) that had this digest; when it matches, nothing is opened. Where none matches, but a cache has
the same names, grades and splits, the files are read and compared by content before anything is decoded.

How the field of view is found is one decision for all photographs (`shape_of_all`); the few that were taken for another
shape before it was known are decoded again.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from retina_data.cache.cache import Cache, open_cache
from retina_data.cache.finished import cache_of_files, caches_alike, remember, write_cache
from retina_data.cache.keys import digest_of, file_stats, fingerprint_of, request_of
from retina_data.cache.partial import PIXELS, Done, Unfinished, remove_abandoned
from retina_data.errors import DataError
from retina_data.files import file_lock, free_bytes
from retina_data.images import decode
from retina_data.images.decode import Colour, Crop, ImageSpec, Source
from retina_data.images.field_of_view import Outline, Shape, shape_of_all
from retina_data.layouts.dataset import DataSet, some

_SIZES = range(16, 2049)


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
    check_spec(dataset, spec)
    caches = Path(home).resolve() / "cache"
    caches.mkdir(parents=True, exist_ok=True)
    stats = file_stats(dataset.table)
    fingerprint = fingerprint_of(dataset, stats, spec)
    folder = cache_of_files(caches, fingerprint)
    if folder is None:
        request = request_of(dataset.table, spec)
        with file_lock(caches / f".{request}.lock"):
            folder = cache_of_files(caches, fingerprint)  # another process may have been at it
            folder = folder or _cache_of_content(dataset, caches, spec, fingerprint, workers, progress)
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
                folder = write_cache(dataset, unfinished, caches, fingerprint, spec)
    return open_cache(folder, dataset.table["path"])


def _cache_of_content(
    dataset: DataSet, caches: Path, spec: ImageSpec, fingerprint: str, workers: int | None, progress: bool
) -> Path | None:
    """The finished cache of the same data, which was moved, copied or touched since; None where there is none."""
    alike = caches_alike(caches, spec, dataset)
    if not alike:
        return None
    contents = decode.in_threads(
        lambda row, source: _content(source),
        enumerate(decode.sources(dataset)),
        len(dataset.table),
        workers or os.cpu_count() or 1,
        "comparing photographs with those that are prepared" if progress else "",
    )
    table = dataset.table.assign(sha256=[sha256 for _, sha256 in contents])
    folder = alike.get(digest_of(table, dataset.patients_given))
    if folder:
        remember(folder, fingerprint)
    return folder


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


def check_spec(dataset: DataSet, spec: ImageSpec) -> None:
    """Raise DataError unless photographs lie there, and can be prepared so."""
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
    """SHA-256 of a file, whether it is an image or not; "" where it cannot even be opened."""
    try:
        return hashlib.sha256(source.read_bytes() if isinstance(source, Path) else source.tobytes()).hexdigest()
    except OSError:
        return ""
