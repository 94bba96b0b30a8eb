"""A column for each grade, however many photographs it has."""

from pathlib import Path

import numpy as np
from PIL import Image

from analysis.figures.drawing.contact_sheet import write_contact_sheet


def test_each_grade_has_its_column(tmp_path: Path) -> None:
    def photographs(value: int, count: int) -> list[np.ndarray]:
        return [np.full((8, 8, 3), value, dtype=np.uint8)] * count

    counts = (3, 2, 3, 0, 1)
    write_contact_sheet(
        tmp_path / "sheet.png", [photographs(40 + 20 * grade, min(n, 2)) for grade, n in enumerate(counts)], counts
    )
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened.convert("RGB"))
    height, width = sheet.shape[:2]
    column = width // 5
    lower = sheet[int(0.75 * height)]  # through the second row
    middles = [lower[column * grade + column // 2].tolist() for grade in range(5)]
    assert middles == [[40] * 3, [60] * 3, [80] * 3, [255] * 3, [255] * 3]
    upper = sheet[int(0.35 * height)]
    assert upper[4 * column + column // 2].tolist() == [120] * 3
