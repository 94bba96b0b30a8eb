"""A prepared data set, and how it is opened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_data.cache.partial import PIXELS
from retina_data.errors import DataError
from retina_data.gate import below, open_file, read_file
from retina_data.images.decode import ImageSpec
from retina_data.images.field_of_view import shape_note

MOST_MANIFEST = 2**24

COLUMNS = ("path", "patient", "grade", "split", "sha256", "fov_found", "error", "group")


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


def open_cache(folder: Path, paths: pd.Series[str] | None = None) -> Cache:
    """A cache that `prepare` wrote, its images read-only; `paths` replaces those of the table where the data moved.

    Raises DataError when the folder is no cache or its files do not belong together.
    """
    name = f"cache/{folder.name}"  # below the home
    try:
        manifest = json.loads(read_file(below(folder, "manifest.json"), MOST_MANIFEST))
        for file in ("table.parquet", PIXELS):
            open_file(below(folder, file)).close()
        table = pd.read_parquet(folder / "table.parquet")
        images = np.load(folder / PIXELS, mmap_mode="r", allow_pickle=False)
        digest, spec = manifest["digest"], ImageSpec(manifest["image_size"], manifest["crop"], manifest["colour"])
        spec = replace(spec, shape=manifest.get("field_of_view", "circle"))  # before version 5 it was no other
        if not set(COLUMNS) <= set(table):
            raise ValueError(f"its table has no {sorted(set(COLUMNS) - set(table))[0]}")
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error  # without its folder
        raise DataError(f"{name} must be a prepared cache, but is not readable ({reason}); delete it") from error
    if images.shape != (len(table), spec.size, spec.size, 3) or images.dtype != np.uint8:
        raise DataError(f"{name} must hold {len(table)} images of {spec.size} px, but has {images.shape}; delete it")
    if paths is not None:
        table = table.assign(path=paths.to_numpy())
    return Cache(folder, images, table, digest, spec)


@contextmanager
def read_ahead(folders: Collection[Path]) -> Iterator[None]:
    """Have the pixels of caches in the kernel's memory soon, read by a process that ends with this context.

    Where this process is killed, that one ends once it has read all. No thread does it: Ray changes the environment
    while it starts, which ends a process where a thread reads it just then (setenv(3)). What is more than half of the
    memory that this process may have stays on the disk: it would push itself out again.
    """
    reading = None
    with suppress(OSError):  # it is for speed alone
        reading = _reader([folder / PIXELS for folder in folders])
    try:
        yield
    finally:
        if reading:
            reading.kill()
            reading.wait()


def _reader(files: list[Path]) -> subprocess.Popen[bytes] | None:
    """A process that reads files; None where there are none, where they are too large, or no program for it is here."""
    cat, size = shutil.which("cat"), sum(file.stat().st_size for file in files)
    if not cat or not files or size > _memory() // 2:
        return None
    nowhere = subprocess.DEVNULL
    command = [cat, "--", *map(str, files)]
    return subprocess.Popen(command, env={}, stdin=nowhere, stdout=nowhere, stderr=nowhere)  # noqa: S603


def _memory() -> int:
    """Bytes of this machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # no limit is the word `max`
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return machine
