"""`retina export` and `retina predict`: take a winner along, and use it elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from study.cli.options import EXIT_FAILED, HomeOption, place
from study.config.messages import check_model
from study.console import err, out
from study.errors import ConfigError
from study.storage.home import study_name


def export(
    name: Annotated[str, typer.Argument(help="Study.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder to make; it must be new or empty.", metavar="DIR")],
    arm: Annotated[str | None, typer.Option(help="Take this arm's winner.", show_default="the best arm")] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Take all its confirmed seeds as one model, the mean of their answers.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Write a study's winner as files for other programs.

    Weights, ONNX, preprocessing and a model card.
    """
    from study.workflows.export import export as write

    target = folder.resolve()
    here = place(home)

    write(here.home, study_name(name), arm, target, here.rerun_flags, ensemble=ensemble)
    out.print(f"model: {folder}; grade photographs with: retina predict {folder} IMAGE...", markup=False)


def predict(
    model: Annotated[Path, typer.Argument(help="Folder that `retina export` wrote.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them.", metavar="IMAGE...")],
    target: Annotated[
        Path | None, typer.Option("--out", help="CSV file, or a folder for it.", show_default="print it")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also write where the model looks (Grad-CAM); needs --out FOLDER.")
    ] = False,
) -> None:
    """Grade photographs with an exported model.

    For research: no medical device. The exit code is 1 where photographs cannot be read.
    """
    is_file = target is not None and target.suffix.lower() == ".csv"
    if explain and (target is None or is_file):
        raise ConfigError("--explain needs a folder for its pictures; add --out FOLDER")
    csv = None if target is None else target if is_file else target / "predictions.csv"
    if csv is not None and csv.exists():
        raise ConfigError(f"--out must not be there yet, but {csv} is; name another, or delete it")
    check_model(model)
    from analysis.tables.arm_comparison import csv_text, write_csv  # only now, as they are heavy
    from retina_data.files import check_writable
    from study.inference import predict_images
    from study.inference.model_dir import read_model

    loaded, photographs = read_model(model), predict_images.find_photographs(images)
    if csv is not None:
        check_writable(csv.parent)
    overlays = target / predict_images.OVERLAYS if explain and target is not None else None
    if overlays is not None:
        overlays.mkdir(parents=True, exist_ok=True)
    for limitation in loaded.settings.limitations:
        err.print(f"note: {limitation}", markup=False)
    table = predict_images.predict_photographs(loaded, photographs, overlays=overlays)
    if csv is None:
        sys.stdout.write(csv_text(table))
    else:
        write_csv(csv, table)
    unread = int((table["error"] != "").sum())
    err.print(f"graded {len(table) - unread} of {len(table)} photographs{f': {csv}' if csv else ''}", markup=False)
    if differ := predict_images.disagreement(table, loaded.settings):
        err.print(f"note: {differ}", markup=False)
    if unread:
        sys.exit(EXIT_FAILED)
