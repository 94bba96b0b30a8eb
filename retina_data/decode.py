"""Image files -> rows of one .npy file, by all cores, in memory that does not grow with their number.

Files come from elsewhere: each is refused by name when it is no JPEG, PNG or TIFF, ends early or is too large.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as futures_wait
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from retina_data.fundus import crop_to_disc, disc_in, pad_to_square
from retina_data.index import DataError, some

FORMATS = ("JPEG", "PNG", "TIFF")
MAX_PIXELS = 89_478_485  # Pillow's own warning; a larger file is a mistake or an attack

_END_OF_JPEG = b"\xff\xd9"


def decode_all(
    paths: list[Path], target: Path, size: int, disc: bool, workers: int, progress: bool
) -> tuple[list[str], list[bool]]:
    """Write the images as uint8 (N, size, size, 3) to `target`; SHA-256 of each file, and whether its disc was found.

    Threads do: Pillow decodes and resizes, and hashlib hashes, without the interpreter's lock. Raises DataError naming
    up to ten files that cannot be read, when all have been tried.
    """
    hashes, found, unreadable = [""] * len(paths), [False] * len(paths), list[str]()
    with open(target, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(paths), size, size, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start, row_bytes = file.tell(), size * size * 3
        os.truncate(target, start + len(paths) * row_bytes)

        # pwrite, not a writable memory map: pages of a map would count as this process' memory.
        def work(row: int) -> tuple[str, bool]:
            pixels, sha256, is_found = read_photograph(paths[row], size, disc)
            os.pwrite(file.fileno(), pixels.tobytes(), start + row * row_bytes)
            return sha256, is_found

        with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            for row, future in _in_order(pool, work, len(paths), workers, progress):
                try:
                    hashes[row], found[row] = future.result()
                except Exception as error:  # Pillow's decoders raise nearly every kind
                    unreadable.append(f"{paths[row].name} ({str(error) or type(error).__name__})")
    if unreadable:
        raise DataError(
            f"every image must be readable, but {len(unreadable):,} of {len(paths):,} in {paths[0].parent} are not: "
            f"{some(unreadable)}; replace them, or take their lines out of the label files"
        )
    return hashes, found


def read_photograph(path: Path, size: int, disc: bool) -> tuple[npt.NDArray[np.uint8], str, bool]:
    """One photograph as uint8 (size, size, 3), the SHA-256 (hex) of its file, and whether its disc was found.

    JPEGs are decoded at a scale that is still at least twice `size` (a seventh to a third of the time of a whole one).
    Raises ValueError or what Pillow raises when the file is not a whole image.
    """
    data = path.read_bytes()
    image = upright_rgb(data, 2 * size)
    if not disc:
        return np.asarray(pad_to_square(image, size)), hashlib.sha256(data).hexdigest(), False
    place = disc_in(image)
    return np.asarray(crop_to_disc(image, size, place)), hashlib.sha256(data).hexdigest(), place.found


def upright_rgb(data: bytes, at_least: int) -> Image.Image:
    """The image of a file's bytes as RGB, turned as its EXIF says, JPEGs scaled down to no less than `at_least` px."""
    if not data:
        raise ValueError("the file is empty")
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(f"no {', '.join(FORMATS)} image") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"more than {MAX_PIXELS:,} pixels") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} is more than {MAX_PIXELS:,} pixels")
    if image.format == "JPEG":
        if _END_OF_JPEG not in data[-4096:]:  # Pillow forgives two lost bytes
            raise ValueError("the file ends early")
        image.draft(None, (at_least, at_least))
    image.load()
    if image.mode.startswith("I"):  # 16 bits a pixel; convert() would clip
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return ImageOps.exif_transpose(image).convert("RGB")


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[int], tuple[str, bool]], count: int, workers: int, progress: bool
) -> Iterator[tuple[int, Future[tuple[str, bool]]]]:
    """Rows 0..count-1 with their finished futures; few are under way at a time, so that memory stays small."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("preparing photographs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    waiting: deque[tuple[int, Future[tuple[str, bool]]]] = deque()
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task("", total=count)
        for row in range(count + 4 * workers):
            if row < count:
                waiting.append((row, pool.submit(work, row)))
            if waiting and (row >= count or len(waiting) == 4 * workers):
                number, future = waiting.popleft()
                futures_wait([future])
                bar.advance(task)
                yield number, future
