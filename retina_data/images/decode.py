"""Decode photographs to upright RGB pixels of one size, in threads.

Each file is refused with its reason when it is of no readable format, ends early, is damaged inside or is too large.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from retina_data.file_kind import NEEDED, kind_of
from retina_data.images import depth, jpeg, tiff
from retina_data.images.field_of_view import (
    Outline,
    Shape,
    crop_to_field_of_view,
    field_of_view_in,
    graham,
    pad_to_square,
)
from retina_data.layouts import medmnist
from retina_data.layouts.dataset import DataSet

Pixels = npt.NDArray[np.uint8]

Source = Path | Pixels  # a file, or an image (H, W, 3) out of a file of many

Crop = Literal["fov", "none"]

Colour = Literal["none", "graham"]

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP")

MAX_PIXELS = 89_478_485  # Pillow's own warning; a larger file is a mistake or an attack

_END_OF_JPEG, _SCAN_OF_JPEG, _END_OF_PNG = b"\xff\xd9", b"\xff\xda", b"IEND"

Result = TypeVar("Result")


@dataclass(frozen=True)
class ImageSpec:
    """What pixels are wanted: side of the square, what is cut out, the normalisation of colours.

    shape: how the field of view is found where the crop is fov.
    """

    size: int
    crop: Crop
    colour: Colour
    shape: Shape = "each"


class Photograph(NamedTuple):
    """Pixels (S, S, 3) of a photograph, SHA-256 (hex) of its file, what its field of view was taken for."""

    pixels: Pixels
    sha256: str
    outline: Outline


def sources(dataset: DataSet) -> Iterator[Source]:
    """What each row of the table is read from, in the order of the rows."""
    if dataset.layout == "medmnist":
        yield from medmnist.pixels(dataset.folder)
    else:
        yield from map(Path, dataset.table["path"])


def read_photograph(source: Source, spec: ImageSpec) -> Photograph:
    """One photograph as the spec says.

    JPEGs are decoded at a scale of at least twice the size (a seventh to a third of the time of a whole one).
    Raises ValueError or what Pillow raises when the file is not a whole image.
    """
    data = source.read_bytes() if isinstance(source, Path) else source.tobytes()
    image = upright_rgb(data, 2 * spec.size) if isinstance(source, Path) else Image.fromarray(source)
    if spec.crop == "fov":
        place = field_of_view_in(image, spec.shape)
        square, outline = crop_to_field_of_view(image, spec.size, place), place.outline
    else:
        square, outline = pad_to_square(image, spec.size), "frame"
    if spec.colour == "graham":
        square = graham(square)
    return Photograph(np.asarray(square), hashlib.sha256(data).hexdigest(), outline)


def upright_rgb(data: bytes, at_least: int) -> Image.Image:
    """The image of a file's bytes as RGB, turned as its EXIF says, JPEGs scaled down to no less than `at_least` px.

    What is transparent is laid on black; of 16 bits those that are used become 8.
    """
    image = open_image(data)
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (at_least, at_least))
        image = jpeg.decoded(image, data)
    elif isinstance(image, TiffImageFile):
        tiff.refuse_damaged(image.tag_v2, data)
    deep = depth.is_deep(image)
    image = ImageOps.exif_transpose(image)  # which loads it; what is made from its pixels below has no EXIF
    if image.mode.startswith("I"):  # 16 bits a pixel; convert() would clip
        image = Image.fromarray(depth.eight_bits(np.asarray(image)))
    elif image.mode == "F":
        raise ValueError("its pixels are fractions, whose white is not known")
    elif deep:
        image = depth.merged(image, ImageOps.exif_transpose(depth.keep_lower_bytes(open_image(data))))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image.convert("RGBA"))
    return image.convert("RGB")


def open_image(data: bytes) -> Image.Image:
    """The image of a file's bytes, its pixels not yet decoded. Raises ValueError with the reason."""
    if not data:
        raise ValueError("the file is empty")
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        kind = kind_of(data[:NEEDED])
        raise ValueError(f"no photograph but {kind}" if kind else f"no {', '.join(FORMATS)} image") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"more than {MAX_PIXELS:,} pixels") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} is more than {MAX_PIXELS:,} pixels")
    # Pillow forgives what a file has lost at its end. Within the pixels of a JPEG neither of the two codes occurs.
    if image.format in ("JPEG", "MPO") and data.rfind(_END_OF_JPEG) < data.rfind(_SCAN_OF_JPEG):
        raise ValueError("the file ends early")
    if image.format == "PNG" and not 0 <= data.rfind(_END_OF_PNG) <= len(data) - 8:  # name and checksum
        raise ValueError("the file ends early")
    return image


def pages_of(data: bytes) -> int:
    """Pages of a file, of which the first is read; most formats have one."""
    image = open_image(data)
    return tiff.pages_of(image) if isinstance(image, TiffImageFile) else 1


def in_threads(
    work: Callable[[int, Source], Result], jobs: Iterable[tuple[int, Source]], count: int, workers: int, bar: str
) -> Iterator[tuple[int, Result]]:
    """work(row, source) of each job by threads, in the order of the jobs: row and result.

    Pillow decodes and resizes, and hashlib hashes, without the interpreter's lock. Few jobs are under way at a time, so
    that memory does not grow with their number. `bar` is the title of a progress bar on stderr; "" shows none.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    waiting: deque[tuple[int, Future[Result]]] = deque()
    columns = (TextColumn(bar), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(workers) as pool,
        Progress(*columns, console=Console(stderr=True), disable=not bar) as progress,
    ):
        # Pillow warns of a directory that is cut off, and goes on; of odd EXIF data too, which do no harm.
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("error", "Truncated File Read")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        task = progress.add_task("", total=count)

        def first() -> tuple[int, Result]:
            row, future = waiting.popleft()
            result = future.result()
            progress.advance(task)
            return row, result

        try:
            for row, source in jobs:
                waiting.append((row, pool.submit(work, row, source)))
                if len(waiting) == 4 * workers:
                    yield first()
            while waiting:
                yield first()
        finally:
            pool.shutdown(cancel_futures=True)


def reason(error: Exception) -> str:
    """Why a file could not be read, in words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # str() would name its path
    return " ".join(str(error).split()) or type(error).__name__
