"""retina_data.cache.cache: what a prepared data set holds, and which one is none."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retina_data.cache.cache import open_cache, read_ahead
from retina_data.errors import DataError
from tests.retina_data.cache.photographs import make_data, ready


def test_a_cache_holds_every_image_and_its_row(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    cache = ready(data, tmp_path / "home")
    assert cache.images.shape == (8, 32, 32, 3) and cache.images.dtype == np.uint8
    assert isinstance(cache.images, np.memmap) and not cache.images.flags.writeable
    pd.testing.assert_frame_equal(cache.table[data.table.columns], data.table)
    assert list(cache.table.columns[-3:]) == ["fov_found", "error", "group"]
    assert cache.table["fov_found"].all() and cache.images[:, 16, 16].max() > 0 and not cache.images[:, 0, 0].any()
    again = open_cache(cache.folder)
    assert again.digest == cache.digest and np.array_equal(again.images, cache.images)


def _in_memory(file: Path) -> float:
    """Share of a file's pages that the kernel has in its memory."""
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, mmap.MAP_PRIVATE) as mapped:
        pages = np.zeros(-(-len(mapped) // mmap.PAGESIZE), np.uint8)
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        size, answer = ctypes.c_size_t(len(mapped)), ctypes.c_void_p(pages.ctypes.data)
        assert ctypes.CDLL(None).mincore(ctypes.c_void_p(address), size, answer) == 0
        return float((pages & 1).mean())


def test_pixels_are_in_memory_before_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, threads = tmp_path / "images.npy", threading.active_count()
    pixels.write_bytes(bytes(2**22))

    def forget() -> None:
        with open(pixels, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    if hasattr(os, "posix_fadvise"):
        forget()
    if _in_memory(pixels):
        pytest.skip("this file system keeps its files in memory")
    with read_ahead([tmp_path / "gone"]):
        pass  # whoever opens it says so
    with read_ahead([tmp_path]):
        assert threading.active_count() == threads, "Ray changes the environment, which no thread may read just then"
        deadline = time.monotonic() + 60
        while _in_memory(pixels) < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _in_memory(pixels) == 1
    forget()
    monkeypatch.setattr(os, "sysconf", lambda name: 2**22 - 1 if name == "SC_PHYS_PAGES" else 1)
    with read_ahead([tmp_path]):
        time.sleep(0.5)
    assert _in_memory(pixels) < 1, "it is more than half of the machine's memory"


def test_what_reads_ahead_ends_with_its_context(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "images.npy")
    with read_ahead([tmp_path]):
        file = os.open(tmp_path / "images.npy", os.O_WRONLY)  # returns once it is read, to an end that does not come
        os.write(file, b"one")
    with pytest.raises(BrokenPipeError):
        os.write(file, b"two")
    os.close(file)


@pytest.mark.parametrize("text", ["#!/no/such/program\n", ""])
def test_without_a_program_that_reads_nothing_is_read(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images.npy").write_bytes(b"pixels")
    if text:
        (tmp_path / "cat").write_text(text)
        (tmp_path / "cat").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with read_ahead([tmp_path]):
        pass
    with pytest.raises(OSError, match="of the search"), read_ahead([tmp_path]):
        raise OSError("of the search")


def test_a_cache_of_before_the_decision_has_circles(tmp_path: Path) -> None:
    cache = ready(make_data(tmp_path / "data"), tmp_path / "home")
    file = cache.folder / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["field_of_view"]
    file.write_text(json.dumps(manifest))
    assert open_cache(cache.folder).spec.shape == "circle"


def test_a_half_written_or_damaged_cache_is_not_taken(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    cache = ready(data, tmp_path / "home")
    (cache.folder / "manifest.json").write_text('{"digest": ')  # as of a full disk
    with pytest.raises(DataError, match="delete it"):
        open_cache(cache.folder)
    assert ready(data, tmp_path / "home").digest == cache.digest
    with open(cache.folder / "images.npy", "rb+") as file:
        file.truncate(1000)
    with pytest.raises(DataError, match="delete it"):
        open_cache(cache.folder)


NO_NUMBERS = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + b" " * 62 + b"\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"[" * 200_000), ("manifest.json", b"[]"), ("manifest.json", b"7"), ("manifest.json", b"{}"),
        ("manifest.json", b'{"digest": "\xff"}'), ("manifest.json", b" " * (2**24 + 1)), ("manifest.json", None),
        ("table.parquet", b""), ("table.parquet", b"PAR1"), ("table.parquet", None),
        ("images.npy", b""), ("images.npy", b"\x93NUMPY"), ("images.npy", NO_NUMBERS), ("images.npy", None),
    ],
)  # fmt: skip
def test_a_cache_that_somebody_else_wrote_is_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    """content None: a pipe, which nobody writes into."""
    cache = ready(make_data(tmp_path / "data"), tmp_path / "home")
    file = cache.folder / name
    file.unlink()
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    with pytest.raises(DataError, match="delete it|must be a regular file|must have at most") as said:
        open_cache(cache.folder)
    assert len(str(said.value)) < 400


def test_a_table_without_its_columns_is_no_cache(tmp_path: Path) -> None:
    cache = ready(make_data(tmp_path / "data"), tmp_path / "home")
    cache.table.drop(columns="group").to_parquet(cache.folder / "table.parquet")
    with pytest.raises(DataError, match="its table has no group"):
        open_cache(cache.folder)
