import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retina_data.images.quality import warnings_of


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _disc(size: int, colour: tuple[int, int, int]) -> Image.Image:
    """A disc of one colour on black."""
    place = (np.arange(size) + 0.5) / size * 2 - 1
    inside = np.add.outer(place**2, place**2) < 0.9
    return Image.fromarray(np.where(inside[..., None], np.array(colour), 0).astype(np.uint8))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (_disc(400, (150, 80, 40)), []),
        (_disc(100, (150, 80, 40)), ["too small: 100 px, less than 256"]),
        (_disc(400, (9, 6, 4)), ["too dark"]),
        (_disc(400, (252, 250, 248)), ["overexposed"]),
        (Image.new("RGB", (400, 400), (120, 120, 120)), ["field of view not found"]),
        (Image.new("RGB", (300, 90)), ["too dark", "field of view not found", "too small: 90 px, less than 256"]),
    ],
)
def test_what_is_wrong_is_named(image: Image.Image, expected: list[str]) -> None:
    assert warnings_of(_png(image), 256) == expected


def test_no_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="no JPEG, PNG, TIFF image"):
        warnings_of(b"<html>", 256)


def test_real_photographs_are_not_warned_of() -> None:
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "idrid" / "images"
    if not folder.is_dir():
        pytest.skip("IDRiD's photographs are not beside this project")
    found = [warnings_of(path.read_bytes(), 256) for path in sorted(folder.iterdir())[::40]]
    assert len(found) > 5
    assert found == [[]] * len(found)
