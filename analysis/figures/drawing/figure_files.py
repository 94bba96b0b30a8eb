"""A figure before it is written, and its files: PNG, SVG, CSV of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.drawing.style import (
    COLUMN,
    DPI,
    GREY,
    LOOK,
    PAGE,
    PIXELS_DPI,
)
from analysis.table_files import write_csv
from retina_data.files import write_whole


@dataclass(frozen=True)
class FigureSpec:
    """One figure before it is written.

    measured  what its scores were measured on, with n; stands in the figure itself
    numbers   what is drawn, as written to the CSV
    draw      draws on grid[0] x grid[1] axes, row by row
    grid      rows and columns across a page, `height` inches high
    column    rows, columns and inches for one column; None where it can only be read across a page
    """

    name: str
    title: str
    subtitle: str
    caption: str
    alt: str
    numbers: pd.DataFrame
    draw: Callable[[list[Axes]], None]
    grid: tuple[int, int]
    height: float
    column: tuple[int, int, float] | None = None


@dataclass(frozen=True)
class SkippedFigure:
    """A figure that has nothing to show, and why."""

    title: str
    why: str


@dataclass(frozen=True)
class FigureFiles:
    """One figure as written: its text for a reader, its text for one who cannot see it, and its files."""

    name: str
    title: str
    caption: str
    alt: str
    png: Path
    svg: Path
    csv: Path
    column: Path | None


def write_picture(picture: FigureSpec, folder: Path) -> FigureFiles:
    """Write NAME.png (300 dpi), NAME.svg, NAME.csv and, for one column, NAME_column.svg into the folder."""
    paths = {kind: folder / f"{picture.name}.{kind}" for kind in ("png", "svg", "csv")}
    with mpl.rc_context(LOOK):
        figure = _drawn(picture, picture.grid, (PAGE, picture.height))
        write_whole(paths["svg"], rendered(figure, "svg", PIXELS_DPI))
        figure.set_layout_engine("none")  # what has its place keeps it: finding it took half of the time
        write_whole(paths["png"], rendered(figure, "png", DPI))
        column = folder / f"{picture.name}_column.svg" if picture.column else None
        if picture.column and column:
            rows, columns, height = picture.column
            write_whole(column, rendered(_drawn(picture, (rows, columns), (COLUMN, height)), "svg", PIXELS_DPI))
    write_csv(paths["csv"], picture.numbers)
    return FigureFiles(picture.name, picture.title, picture.caption, picture.alt, **paths, column=column)


def _drawn(picture: FigureSpec, grid: tuple[int, int], size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(*grid, squeeze=False).ravel())
    figure.suptitle(picture.subtitle, x=0.01, ha="left", color=GREY, wrap=True)
    picture.draw(axes)
    return figure


def rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    """The figure as bytes, the same for the same numbers: without a date."""
    buffer = BytesIO()
    metadata: dict[str, Any] | None = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()
