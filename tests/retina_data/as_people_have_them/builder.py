"""Small data sets from a mapping of paths to what lies there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Content = str | bytes | None
"""Of a file: text, bytes, or None for a picture of its own."""

Files = Mapping[str, Content]

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP"}


def build(folder: Path, files: Files) -> Path:
    """Write them below the folder; no two pictures are equal."""
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.write_bytes(picture(number, FORMATS.get(path.suffix.lower(), "JPEG")))
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@lru_cache(maxsize=2000)
def picture(number: int, form: str) -> bytes:
    """A round field of view with a pattern of its own, as a file."""
    rng = np.random.default_rng(number)
    pattern = Image.fromarray(rng.integers(70, 230, (6, 6, 3), dtype=np.uint8)).resize(
        (80, 80), Image.Resampling.BICUBIC
    )
    round_mask = Image.new("L", (80, 80))
    ImageDraw.Draw(round_mask).ellipse((4, 4, 75, 75), fill=255)
    file = io.BytesIO()
    Image.composite(pattern, Image.new("RGB", (80, 80)), round_mask).save(file, form)
    return file.getvalue()


def pages(count: int) -> bytes:
    """A TIFF file of several pictures."""
    file = io.BytesIO()
    first, *others = (Image.open(io.BytesIO(picture(800 + number, "PNG"))) for number in range(count))
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


def names(count: int, first: int = 0) -> list[str]:
    """Names that tell neither patient nor eye: `e000f`, ..."""
    return [f"e{number:03}f" for number in range(first, first + count)]


def eyes(patients: int, first: int = 0) -> list[str]:
    """Two names of each patient: `0_left`, `0_right`, ..."""
    return [f"{number}_{eye}" for number in range(first, first + patients) for eye in ("left", "right")]


def pictures(pattern: str, listed: Iterable[str]) -> dict[str, Content]:
    """A picture for each name; `pattern` has `{}` for the name."""
    return {pattern.format(name): None for name in listed}


def graded(pattern: str, folders: Iterable[str], each: int = 2, first: int = 0) -> dict[str, Content]:
    """Pictures in folders of grades; `pattern` has `{folder}` and `{name}`. Each has names of its own."""
    found: dict[str, Content] = {}
    for folder in folders:
        found |= {pattern.format(folder=folder, name=name): None for name in names(each, first)}
        first += each
    return found


def table(header: str, listed: Iterable[str], line: str = "{name},{grade}", end: str = "\n") -> str:
    """A label file: the header ("" for none) and a line for each name, whose grades are 0, 1, 2, 3, 4, 0, ..."""
    lines = [line.format(name=name, grade=number % 5) for number, name in enumerate(listed)]
    return "".join(f"{text}{end}" for text in ([header] if header else []) + lines)
