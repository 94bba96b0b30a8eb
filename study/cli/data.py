"""`retina data`: make, check and prepare data sets; `retina weights` and `retina pretrain`: what trials begin from."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from retina_data.errors import DataError
from retina_data.files import check_writable
from retina_data.layouts.label_files import ReadOptions
from study.cli.config_flags import with_flags
from study.cli.options import (
    EXIT_FAILED,
    EXIT_WRONG,
    READ_FLAGS,
    Data,
    GradeWords,
    HomeOption,
    Layout,
    SharedHome,
    examples,
    make_home,
    place,
    read_values,
)
from study.config.study import make_study_config, read_options
from study.console import out
from study.errors import ConfigError, StudyError


def weights(
    architectures: Annotated[
        list[str] | None, typer.Argument(help="resnet18, resnet50.", show_default="both", metavar="[ARCHITECTURE...]")
    ] = None,
) -> None:
    """Fetch torchvision's ImageNet weights.

    For arms with pretraining; a search downloads nothing.
    """
    from retina_models.imagenet import imagenet_file
    from retina_models.resnet import ARCHITECTURES
    from retina_models.weights import read_weights

    for architecture in architectures or ARCHITECTURES:
        read_weights("imagenet", architecture)
        out.print(f"{architecture}: {imagenet_file(architecture)}", markup=False)


@with_flags(READ_FLAGS)
def pretrain(
    data: Annotated[
        Path | None,
        typer.Argument(help="Labelled photographs, in any layout.", show_default="synthetic ones, painted for it"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the weights.", show_default="weights/ in the home")
    ] = None,
    architecture: Annotated[
        list[str] | None, typer.Option(help="resnet18, resnet50; may be repeated.", show_default="both")
    ] = None,
    layout: Layout = None,
    grade: GradeWords = None,
    image_size: Annotated[int, typer.Option(help="Side of the square input, pixels.")] = 64,
    epochs: Annotated[int, typer.Option(help="Passes; each draws as many photographs of each grade.")] = 10,
    patients: Annotated[int | None, typer.Option(help="Synthetic patients, two eyes each.", show_default="700")] = None,
    seed: Annotated[int, typer.Option(help="Seed of photographs, split and training.")] = 0,
    home: HomeOption = None,
    shared_home: SharedHome = False,
    **values: Any,
) -> None:
    """Train source weights for arms with pretraining.

    The same command resumes a training that was killed.
    """
    from retina_models.resnet import ARCHITECTURES
    from study.planning.pretrained_weights import WEIGHTS
    from study.workflows.pretrain import Source, make_source_weights

    here = place(home)
    make_home(here.home, shared_home)
    target = folder.resolve() if folder else here.home / WEIGHTS
    if data and patients is not None:
        raise ConfigError("--patients is of the synthetic photographs that are made without DATA; drop one of the two")
    if patients is None:
        patients = Source.patients
    options = _options(values, layout, grade, data)
    source = Source(data.resolve() if data else None, options, patients, image_size, epochs, seed=seed)
    files = {name: make_source_weights(name, source, target, here.home) for name in architecture or ARCHITECTURES}
    if data is None and target == here.home / WEIGHTS:
        flags = "--weights synthetic"
    else:
        flags = " ".join(f"--weights {name}={shlex.quote(str(file))}" for name, file in files.items())
    out.print(f"next: retina search NAME --data DATA {flags}{here.rerun_flags}", markup=False)


def _options(values: dict[str, Any], layout: str | None, grade: list[str] | None, data: Path | None) -> ReadOptions:
    return read_options(make_study_config({}, read_values(values, grade, data)), layout)


data_app = typer.Typer(no_args_is_help=True, help="Make, check and prepare data sets.")


@data_app.command("synth", epilog=examples("retina data synth photos --patients 200 --seed 1"))
def data_synth(
    folder: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    patients: Annotated[int, typer.Option(help="Patients, two eyes each.")] = 200,
    image_size: Annotated[int, typer.Option(help="Side of a photograph, pixels.")] = 64,
    camera: Annotated[str, typer.Option(help="Look of the photographs: a, b.")] = "a",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Make a synthetic data set in the lab's layout."""
    from retina_data.synthetic.dataset import make_dataset

    make_dataset(folder.resolve(), patients=patients, image_size=image_size, camera=camera, seed=seed)
    out.print(f"made {2 * patients} photographs of {patients} patients in {folder}", markup=False)


@data_app.command("check", epilog=examples("retina data check photos", "retina data check photos --page audit.html"))
@with_flags(READ_FLAGS)
def data_check(
    data: Data,
    layout: Layout = None,
    grade: GradeWords = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write a page (HTML) with an example of each finding.", show_default=False)
    ] = None,
    **values: Any,
) -> None:
    """Print what is in a data set, and what is wrong with it.

    The exit code is 1 where training on it would be wrong.
    """
    from retina_data.audit.image_scan import look_at
    from retina_data.audit.report import check
    from retina_data.layouts.dataset import holds_pictures, read_index
    from study.cli.audit_page import write_page
    from study.cli.audit_tables import print_audit

    try:
        if page:
            check_writable(page.resolve().parent)
        dataset = read_index(data.resolve(), _options(values, layout, grade, data), missing="keep")
        report, issues = check(dataset, None if dataset.labels_only else look_at(dataset, progress=not as_json))
        if page:
            write_page(page.resolve(), dataset, report, issues)
    except (DataError, StudyError, OSError) as error:
        # Pictures lie there, and none is used: that is the finding.
        finding = isinstance(error, DataError) and holds_pictures(data)
        if not finding and not as_json:
            raise
        verdict = {"severity": "error", "text": f"{'Not fit to train on' if finding else 'Not checked'}: {error}"}
        if as_json:
            out.print_json(data={"verdict": verdict, "error": str(error)}, ensure_ascii=True)
        else:
            out.print(verdict["text"], markup=False)
        sys.exit(EXIT_FAILED if finding else EXIT_WRONG)
    if as_json:
        out.print_json(data=report, ensure_ascii=True)
    else:
        print_audit(out, report)
        out.print(f"page: {page}" if page else "pictures of each finding: add --page FILE.html", markup=False)
    if any(finding.severity == "error" for finding in issues):
        sys.exit(EXIT_FAILED)


@data_app.command("prepare", epilog=examples("retina data prepare photos --image-size 256 --colour graham"))
@with_flags(READ_FLAGS)
def data_prepare(
    data: Data,
    image_size: Annotated[int, typer.Option(help="Side of the square input, pixels.")] = 256,
    crop: Annotated[str, typer.Option(help="fov, none.")] = "fov",
    colour: Annotated[str, typer.Option(help="none, graham.")] = "none",
    on_error: Annotated[str, typer.Option(help="What an unreadable image does: fail, skip.")] = "fail",
    layout: Layout = None,
    grade: GradeWords = None,
    home: HomeOption = None,
    shared_home: SharedHome = False,
    **values: Any,
) -> None:
    """Decode a data set once, for all studies.

    The same command resumes one that was interrupted.
    """
    from retina_data.cache.preparation import prepare
    from retina_data.layouts.dataset import read_index

    if on_error not in ("fail", "skip"):
        raise ConfigError(f"--on-error must be fail or skip, but got {on_error!r}")
    here, dataset = place(home), read_index(data.resolve(), _options(values, layout, grade, data))
    make_home(here.home, shared_home)
    cache = prepare(
        dataset,
        here.home,
        image_size=image_size,
        crop=crop,  # type: ignore[arg-type]
        colour=colour,  # type: ignore[arg-type]
        on_error=on_error,  # type: ignore[arg-type]
    )
    kept = f"{len(cache.table) - cache.skipped} of " if cache.skipped else ""
    out.print(f"{kept}{len(cache.table)} photographs at {image_size} px in {cache.folder}", markup=False)
    if cache.field_of_view_note:
        out.print(f"note: {cache.field_of_view_note}", markup=False)
    for row in cache.table[cache.table["error"] != ""].itertuples():
        out.print(f"skipped: {row.image}: {row.error}", markup=False)
