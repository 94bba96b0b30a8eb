"""The `retina` command: the environment read, flags made into calls, exit codes; the work is done elsewhere.

Heavy things (torch, Ray, MLflow) are imported inside the commands that need them: `retina --help` loads none.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.errors import RunsError
from retina_data.errors import DataError
from retina_data.gate import plain
from retina_models.errors import WeightsError
from study.cli import data, models, search, studies
from study.cli.config_flags import drop_unset, field_flags, with_flags
from study.cli.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_WRONG,
    READ_FLAGS,
    GradeWords,
    HomeOption,
    Layout,
    SharedHome,
    WeightFiles,
    examples,
    make_home,
    place,
    read_values,
    weight_files,
)
from study.config.study import make_study_config, read_options
from study.config.trial import AUTO, TrialConfig, make_trial_config
from study.console import err, out, prepare_streams, print_logs
from study.environment import keep_memory, set_environment
from study.errors import ConfigError, StudyError, os_error_text

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


COLLECT = (50_000, 20, 50)
"""Garbage is looked for after so many new objects, not 700. The runs of 10,000 trials are read in 11 s, not 23; the
report of the demo is written in 16 s, not 19."""


def main() -> None:
    """Run the command, in a process that suits it."""
    keep_memory()
    run_command()


def run_command() -> None:
    """Run the command; what is wrong in the input or on the disk is one line, exit code 2 or 1, never a traceback."""
    prepare_streams()
    set_environment()
    gc.set_threshold(*COLLECT)
    print_logs()
    try:
        app()
    except StudyError as error:
        err.print(f"retina: {plain(str(error))}")
        sys.exit(error.exit_code)
    except (DataError, WeightsError, RunsError) as error:
        err.print(f"retina: {plain(str(error))}")
        sys.exit(EXIT_WRONG)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            err.print(f"retina: {os_error_text(error)}; give a folder that may be written")
            sys.exit(EXIT_WRONG)
        err.print(f"retina: {error.strerror}: {error.filename or 'the home'}; free some space first", markup=False)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        err.print("retina: interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if not type(error).__module__.startswith("mlflow."):  # it is not imported only to be asked for its class
            raise
        from study.tracking.server import redact_url
        from study.tracking.store.refusals import refusal

        uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        text = refusal(error, uri) or f"{redact_url(' '.join(str(error).split()))[:300]}; try again once it answers"
        err.print(f"retina: MLflow: {plain(text)}")
        sys.exit(EXIT_WRONG)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from study.versions import DISTRIBUTION

        out.print(version(DISTRIBUTION))
        raise typer.Exit


@app.callback()
def retina(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Search for the best way to grade diabetic retinopathy, with claims that can be checked."""


@with_flags([*READ_FLAGS, *field_flags(TrialConfig, "Configuration")])
def train(
    data: Annotated[Path | None, typer.Argument(help="Folder with label files and photographs.")] = None,
    reproduce: Annotated[
        str | None, typer.Option(help="Run a trial again: STUDY/TRIAL or the id of its MLflow run.", show_default=False)
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for weights and epochs.")] = Path("trained"),
    layout: Layout = None,
    grade: GradeWords = None,
    weights: WeightFiles = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")] = None,
    home: HomeOption = None,
    shared_home: SharedHome = False,
    **values: Any,
) -> None:
    """Train one configuration, without Ray."""
    here, target = place(home), folder.resolve()
    reading = read_values(values, grade, data)
    make_trial_config({name: value for name, value in drop_unset(values).items() if value != AUTO})
    from study.workflows.single import reproduce as reproduction  # only now, as they are heavy
    from study.workflows.single import train

    if reproduce:
        if drop_unset(values) or reading or layout or data or weights or threads:
            raise ConfigError("--reproduce takes everything from the run; drop DATA and the other flags")
        if not reproduction.reproduce(reproduce, here.home, here.tracking_uri, target, here.rerun_flags):
            sys.exit(EXIT_FAILED)
    elif data is None:
        raise ConfigError("DATA must be given (a folder with label files and photographs), or --reproduce")
    else:
        files = weight_files(weights)
        options = read_options(make_study_config({}, reading), layout)
        make_home(here.home, shared_home)
        train.train_new(
            data.resolve(), options, here.home, drop_unset(values), files, threads, target, rerun_flags=here.rerun_flags
        )


def demo(home: HomeOption = None, shared_home: SharedHome = False) -> None:
    """Run all of it on synthetic photographs, in minutes.

    Data, source weights, a search of four arms, confirmation and report.
    """
    from study.cluster.address import own_token

    os.environ.update(own_token())  # before Ray is imported
    from study.workflows.demo import run_demo

    here = place(home)
    make_home(here.home, shared_home)
    sys.exit(run_demo(here))


DATA, SEARCH, RESULTS, MODELS = "Data and weights", "Search", "Studies", "Models"

for panel, command, *lines in (
    (SEARCH, demo, "retina demo"),
    (
        SEARCH,
        search.search,
        "retina search four-way --data photos --trials 24",
        "retina search four-way --data photos --config study.yaml --time-budget 2h",
        "retina search deeper --data photos --architecture resnet50 --warm-start four-way",
    ),
    (SEARCH, search.confirm, "retina confirm four-way --seeds 3"),
    (
        SEARCH,
        train,
        "retina train photos --architecture resnet18 --lr 0.001 --epochs 15 --out trained",
        "retina train --reproduce four-way/0003 --out again",
    ),
    (RESULTS, studies.status, "retina status", "retina status four-way --watch"),
    (RESULTS, studies.report, "retina report four-way"),
    (RESULTS, studies.ui, "retina ui four-way --port 5001"),
    (RESULTS, studies.delete, "retina delete four-way"),
    (DATA, data.weights, "retina weights resnet18"),
    (DATA, data.pretrain, "retina pretrain", "retina pretrain other-photos --architecture resnet18 --out sources"),
    (MODELS, models.export, "retina export four-way --out model", "retina export four-way --out model --ensemble"),
    (MODELS, models.predict, "retina predict model photo.jpeg", "retina predict model photos --out graded --explain"),
):
    app.command(rich_help_panel=panel, epilog=examples(*lines))(command)

app.add_typer(data.data_app, name="data", rich_help_panel=DATA)
