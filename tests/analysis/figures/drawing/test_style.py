"""Each arm has a style of its own."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from analysis import schema
from analysis.figures.drawing import style


def test_a_cell_has_a_style_of_its_own_that_differs_in_grey() -> None:
    assert list(style.STYLES) == list(schema.ARM_LABELS)
    for part in range(3):
        assert len({style[part] for style in style.STYLES.values()}) == 4
    for architecture in style.PANELS:
        scratch, pretrained = (style.STYLES[f"{architecture}-{start}"].colour for start in ("scratch", "pretrained"))
        grey = [float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114))) for colour in (scratch, pretrained)]
        assert grey[0] - grey[1] > 0.2
