import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retina_data.audit.image_scan import look_at
from retina_data.audit.report import check
from retina_data.images.decode import ImageSpec
from retina_data.images.field_of_view import Shape
from retina_data.images.quality import BLACK, LOST, SMALL, WHITE, warnings_of
from retina_data.layouts.dataset import read_index
from tests.retina_data.as_people_have_them.builder import pages
from tests.retina_data.audit.test_image_scan import relabel

FORM = ImageSpec(256, "fov", "none", "circle")
WHOLE = "the whole frame is used"


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
        (_disc(100, (150, 80, 40)), ["smaller than the network's input: 100 px, less than 256"]),
        (_disc(400, (9, 6, 4)), [BLACK]),
        (_disc(400, (252, 250, 248)), [WHITE]),
        (Image.new("RGB", (400, 400), (120, 120, 120)), [f"{LOST}: {WHOLE}"]),
        (Image.new("RGB", (300, 40)), [BLACK, SMALL, "smaller than the network's input: 40 px, less than 256"]),
    ],
)
def test_what_is_wrong_is_named(image: Image.Image, expected: list[str]) -> None:
    assert warnings_of(_png(image), FORM) == expected


def test_a_data_set_and_a_graded_photograph_are_warned_of_alike(tmp_path: Path) -> None:
    grey = _disc(400, (150, 80, 40))
    lights = [_disc(400, (value, 6, 4)) for value in (15, 16)] + [_disc(400, (value, 250, 250)) for value in (244, 245)]
    odd = [Image.new("RGB", (400, 400), (120, 120, 120)), grey.resize((63, 63)), grey.resize((64, 64)), grey]
    (tmp_path / "images").mkdir()
    for number, image in enumerate([*lights, *odd]):
        image.save(tmp_path / "images" / f"{number}.png")
    relabel(tmp_path, [(str(number), number % 5) for number in range(len(lights) + len(odd))])
    data = read_index(tmp_path)
    _, findings = check(data, look_at(data, progress=False))
    for kind, words in (("black", BLACK), ("blown out", WHITE), ("tiny", SMALL), ("no field of view", LOST)):
        rows = {row for finding in findings if finding.kind == kind for (row,) in finding.rows}
        form = ImageSpec(16, "fov", "none", "circle")
        warned = [
            any(words in one for one in warnings_of(Path(path).read_bytes(), form)) for path in data.table["path"]
        ]
        assert rows == {row for row, yes in enumerate(warned) if yes} and len(rows) == 1


@pytest.mark.parametrize(
    ("shape", "oval", "round_one", "none"),
    [
        (
            "circle",
            f"squashed: its field of view is an ellipse, in the training's photographs a circle: {WHOLE}",
            "",
            LOST,
        ),
        ("ellipse", "", "", LOST),
        ("each", "", "", LOST),
        ("frame", "a field of view is seen, but in the training's", "a field of view is seen", ""),
    ],
)
def test_a_photograph_that_is_not_as_the_training_s_is_named(
    shape: Shape, oval: str, round_one: str, none: str
) -> None:
    disc = _disc(400, (150, 80, 40))
    squashed = disc.resize((400, 560)).crop((0, 80, 400, 480))
    for image, words in ((squashed, oval), (disc, round_one), (Image.new("RGB", (400, 400), (120, 120, 120)), none)):
        found = warnings_of(_png(image), replace(FORM, shape=shape))
        assert found == [] if not words else len(found) == 1 and words in found[0]


def test_several_pages_are_said() -> None:
    assert "of several pages, of which the first is used: 3 pages" in warnings_of(pages(3), FORM)


def test_no_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="no photograph but an HTML page"):
        warnings_of(b"<html>", FORM)


def test_real_photographs_are_not_warned_of() -> None:
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "idrid" / "images"
    if not folder.is_dir():
        pytest.skip("IDRiD's photographs are not beside this project")
    found = [warnings_of(path.read_bytes(), FORM) for path in sorted(folder.iterdir())[::40]]
    assert len(found) > 5
    assert found == [[]] * len(found)
