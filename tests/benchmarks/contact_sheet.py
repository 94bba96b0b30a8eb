"""The contact sheet of docs/data.md: photographs as taken and squashed, and what the network is given of each.

    python -m tests.benchmarks.contact_sheet docs/field-of-view.png

Photographs are IDRiD's (Porwal, Pachade, Kokare; CC BY 4.0), scaled and squashed here; no file name is on the sheet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse, Rectangle
from PIL import Image

from analysis.figures.drawing.style import LOOK
from retina_data.images.field_of_view import crop_to_field_of_view, field_of_view_in
from tests.retina_data.images.test_field_of_view import squashed
from tests.retina_data.layouts.test_dataset import SHARED

RATIOS = {"as taken": 0.0, "squashed from 3:2": 1.506, "squashed from 4:3": 4 / 3, "squashed from 5:4": 1.25}

ROWS = (117, 12)  # of the photographs: grades 0 and 3

SIZE = 256

OUTLINE = "#5ae6ff"


def draw(target: Path) -> None:
    """Two photographs, two rows each: with the outline that was found, and cut to the network's input."""
    files = sorted((SHARED / "idrid/images").iterdir())
    with plt.rc_context(LOOK | {"axes.grid": False}):
        figure, axes = plt.subplots(4, len(RATIOS), figsize=(7.2, 7.1), gridspec_kw={"hspace": 0.16, "wspace": 0.06})
        for pair, row in enumerate(ROWS):
            whole = Image.open(files[row]).convert("RGB")
            for column, (title, ratio) in enumerate(RATIOS.items()):
                image = squashed(whole, ratio, 512) if ratio else whole
                _photograph(axes[2 * pair, column], image)
                _input(axes[2 * pair + 1, column], image)
                if not pair:
                    axes[0, column].set_title(title)
            for line, label in enumerate(("photograph", "network's input")):
                axes[2 * pair + line, 0].set_ylabel(label)
        figure.text(
            0.5, 0.06, "Photographs: IDRiD (Porwal, Pachade, Kokare), CC BY 4.0; scaled, cut and squashed here.",
            ha="center", color="#555555", fontsize=7,
        )  # fmt: skip
        figure.savefig(target, dpi=130, bbox_inches="tight", facecolor="white", metadata={"Software": None})


def _photograph(axis: Axes, image: Image.Image) -> None:
    place = field_of_view_in(image)
    axis.imshow(np.asarray(image))
    axis.add_patch(
        Ellipse((place.cx, place.cy), 2 * place.rx, 2 * place.ry, fill=False, edgecolor=OUTLINE, linewidth=1.2)
    )
    axis.set_xlabel(place.outline, labelpad=2)
    _bare(axis, *image.size)


def _input(axis: Axes, image: Image.Image) -> None:
    pixels = np.asarray(crop_to_field_of_view(image, SIZE))
    axis.imshow(pixels)
    axis.set_xlabel(f"the retina fills {(pixels.max(axis=2) > 20).mean():.1%}", labelpad=2)
    _bare(axis, SIZE, SIZE)


def _bare(axis: Axes, width: int, height: int) -> None:
    """The frame alone, in its own proportions, within a square as large as all others."""
    side = max(width, height)
    middle, half = (width / 2, height / 2), 0.505 * side
    axis.set(xticks=[], yticks=[], xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half))
    axis.spines[:].set_visible(False)
    axis.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor="#bbbbbb", linewidth=0.6))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
