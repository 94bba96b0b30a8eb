"""Photographs and an exported model -> one row each: grade, probabilities, referral, warnings; overlays if asked for.

The photographs are prepared by the code that prepared those of the training. What cannot be read has its reason in its
row, and the others are done. Nothing here needs Ray, Optuna or MLflow.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from analysis.stats.metrics import called
from retina_data.files import write_whole
from retina_data.grades import PROBABILITIES
from retina_data.images import decode
from retina_data.images.decode import ImageSpec, Source
from retina_data.images.quality import warnings_of
from retina_data.layouts.folder_tree import hidden
from retina_data.layouts.label_files import EXTENSIONS
from study.errors import ConfigError
from study.inference.gradcam import explain, png
from study.inference.model_dir import Model, Settings
from study.training.prediction import at_once, logits

log = logging.getLogger(__name__)


MOST_AT_ONCE = 64

OVERLAYS = "explained"

COLUMNS = ("image", "grade", *PROBABILITIES, "p_referable", "referable", "warning", "error")
"""grade: what the model's decision calls, of its probabilities before the temperature: the rule that was measured.

p0 .. p4: with the model's temperature. p_referable = p2 + p3 + p4; referable: 1 where it reaches the model's threshold.
"""


class PreparedImage(NamedTuple):
    """One photograph as the network takes it (S, S, 3), or the reason why there is none."""

    pixels: NDArray[np.uint8] | None
    warning: str
    error: str


Batch = list[tuple[Path, PreparedImage]]


def find_photographs(places: list[Path]) -> list[Path]:
    """Files as they are named, and of each folder all photographs in it and below, by name; none twice.

    Raises ConfigError where a folder has none, or where one below it cannot be read.
    """
    found: dict[str, Path] = {}
    for place in places:
        if not place.is_dir():
            inside = [place]  # whatever it is: it was asked for, and its row says what is wrong with it
        else:
            files = _files(place)
            inside = [file for file in files if file.suffix.lower() in EXTENSIONS and not hidden(file.name)]
            skipped = _kinds(sorted(set(files) - set(inside)))
            if skipped and inside:
                log.warning(
                    f"not graded, as they are hidden or no photograph by their names: {skipped}; name a file itself to "
                    "grade it"
                )
        if not inside:
            instead = f" ({skipped} lie there, which are not read)" if skipped else ""
            raise ConfigError(
                f"a folder must hold photographs ({', '.join(EXTENSIONS)}), but {place} holds none{instead}; "
                "name another, or the file itself"
            )
        for file in inside:
            # One spelling for each folder; a file that is a link stays one of its own, under its own name.
            found.setdefault(os.path.join(os.path.realpath(file.parent), file.name), file)
    return list(found.values())


def _kinds(files: list[Path]) -> str:
    """How many files there are of each extension, each kind with an example."""
    first: dict[str, str] = {}
    for file in files:
        first.setdefault(file.suffix.lower(), printable(Path(file.name)))
    kinds = Counter(file.suffix.lower() for file in files)
    return ", ".join(f"{n:,} {kind or 'without extension'} ({first[kind]})" for kind, n in kinds.items())


def _files(place: Path) -> list[Path]:
    """All files of a folder and of those below it, also linked ones, by name; each folder once."""
    found: list[Path] = []
    waiting, visited = [str(place)], set()
    while waiting:
        # Links wait until the folders are through: a folder is called as it is, and a link to one above it never ends.
        for folder, below, files in os.walk(waiting.pop(0), onerror=_refuse):
            real = os.path.realpath(folder)
            if real in visited:
                below.clear()
                continue
            visited.add(real)
            found += (Path(folder, name) for name in files)
            waiting += (path for name in sorted(below) if os.path.islink(path := os.path.join(folder, name)))
    return sorted(found)


def _refuse(error: OSError) -> None:
    """Refuse a folder that os.walk cannot list."""
    raise ConfigError(
        f"every folder below a named one must be readable, but {printable(Path(error.filename))} is not "
        f"({decode.reason(error)}); make it readable, or name the other folders and photographs one by one"
    ) from error


def predict_photographs(model: Model, photographs: list[Path], *, overlays: Path | None = None) -> pd.DataFrame:
    """One row of COLUMNS for each photograph, in their order; numbers are missing where it cannot be read.

    Warns of each file that cannot be read. overlays: folder for Grad-CAM pictures of the predicted grade,
    which then stand in the column `overlay`.
    """
    model.grader.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    rows: list[dict[str, Any]] = []
    for batch in _batches(model, photographs):
        for path, one in batch:
            if one.error:
                log.warning(f"cannot be read: {printable(path)}: {one.error}")
        rows += _rows(model, batch, len(rows) + 1, overlays)
    table = pd.DataFrame(rows, columns=[*COLUMNS, *(["overlay"] if overlays is not None else [])])
    return table.astype({"grade": "Int64", "referable": "Int64"})


def disagreement(table: pd.DataFrame, settings: Settings) -> str:
    """Why grade and referral of a table's photographs say different things, "" where none do."""
    graded = table[table["error"] == ""]
    differ = int(((graded["grade"] >= settings.referable_from) != (graded["referable"] == 1)).sum())
    if not differ:
        return ""
    return (
        f"of {differ:,} of {len(graded):,} photographs grade and referable differ: the grade is the "
        f"{settings.decision.replace('_', ' ')} one; referable is 1 where p_referable, the probability of grade "
        f"{settings.referable_from} or more, reaches the model's threshold of {settings.referable_threshold:.4g}"
    )


def printable(path: Path) -> str:
    """A path as text that a terminal and a table can take: bytes that are no UTF-8, and control characters, escaped."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return text if text.isprintable() else ascii(text)[1:-1]


def _rows(model: Model, batch: Batch, number: int, overlays: Path | None) -> list[dict[str, Any]]:
    """Rows of a batch, whose first photograph is the `number`th of all."""
    rows: list[dict[str, Any]] = [
        {"image": printable(path), "warning": one.warning, "error": one.error} for path, one in batch
    ]
    able = [(place, one.pixels) for place, (_, one) in enumerate(batch) if one.pixels is not None]
    if not able:
        return rows
    pixels = np.stack([image for _, image in able])  # (B, S, S, 3)
    grades, probabilities = _graded(model, pixels)
    for (place, _), grade, row in zip(able, grades, probabilities, strict=True):
        rows[place] |= _prediction_columns(model, int(grade), row)
    if overlays is not None:
        pictures = explain(model.grader.first, pixels, grades, model.preprocessing.normalisation)
        for (place, _), picture in zip(able, pictures, strict=True):
            stem = re.sub(r"[^A-Za-z0-9._-]", "_", batch[place][0].stem)[:80]
            file = f"{number + place:05}-{stem}.png"
            write_whole(overlays / file, png(picture))
            rows[place]["overlay"] = f"{OVERLAYS}/{file}"
    return rows


def _graded(model: Model, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(B, S, S, 3) -> grades (B,), called before the temperature, and probabilities (B, 5) with it.

    The median is another one after the temperature, and what was measured is the one before.
    """
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    means = logits(model.grader, images, normalisation=model.preprocessing.normalisation, precision="fp32").double()
    grades = called(means.softmax(dim=1).cpu().numpy(), model.settings.decision)
    return grades, (means / model.settings.temperature).softmax(dim=1).cpu().numpy()


def _prediction_columns(model: Model, grade: int, row: NDArray[np.float64]) -> dict[str, Any]:
    """Columns of one photograph, from its grade and probabilities (5,)."""
    settings = model.settings
    referable = float(row[settings.referable_from :].sum())
    return {
        "grade": grade,
        **{name: round(float(value), 6) for name, value in zip(PROBABILITIES, row, strict=True)},
        "p_referable": round(referable, 6),
        "referable": int(referable >= settings.referable_threshold),
    }


def _batches(model: Model, photographs: list[Path]) -> Iterator[Batch]:
    """Photographs prepared by threads, a batch at a time, with a progress bar on stderr."""
    wanted = model.preprocessing
    spec = ImageSpec(wanted.image_size, wanted.crop, wanted.colour, wanted.field_of_view)

    def prepare(row: int, source: Source) -> PreparedImage:
        assert isinstance(source, Path)
        try:
            if source.exists() and not source.is_file():
                raise ValueError("no file")  # reading a pipe would never end
            pixels, _, _ = decode.read_photograph(source, spec)
            warning = "; ".join(warnings_of(source.read_bytes(), spec))
        except Exception as error:  # Pillow's decoders raise nearly every kind
            return PreparedImage(None, "", decode.reason(error))
        return PreparedImage(pixels, warning, "")

    size = min(MOST_AT_ONCE, at_once(wanted.image_size, model.grader.views))
    jobs = enumerate(photographs)
    batch: Batch = []
    for row, one in decode.in_threads(prepare, jobs, len(photographs), os.cpu_count() or 1, "grading photographs"):
        batch.append((photographs[row], one))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
