"""The `retina` command: the environment read, flags made into calls, exit codes; the work is done elsewhere.

Heavy things (torch, Ray, MLflow) are imported inside the commands that need them: `retina --help` loads none.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study import cli_browse, cli_data, cli_model
from study.config import DEFAULT_SPACE, ConfigError, StudyConfig, TrialConfig
from study.flags import field_flags, given, with_flags
from study.place import Place, settle, study_name, weight_files
from study.terminal import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_LOCKED,
    EXIT_WRONG,
    Address,
    CpusPerTrial,
    GpusPerTrial,
    Home,
    Insecure,
    Layout,
    TimeBudget,
    WeightFiles,
    err,
    out,
    place,
)

if TYPE_CHECKING:
    from study.address import Guard
    from study.plan import Inputs
    from study.running import Compute

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
MLFLOW = {
    "DISABLE_TELEMETRY": "true",
    "HTTP_REQUEST_MAX_RETRIES": "0",  # a server that was only slow would make a run twice; the feed looks first
    "HTTP_REQUEST_TIMEOUT": "20",
}
LOCAL = "local"  # Ray's word for a cluster that is begun by who asks
OURS = ("study", "retina_models", "retina_data", "analysis")


def main() -> None:
    """Run the command; what is wrong in the input or on the disk is one line, exit code 2 or 1, never a traceback."""
    # Read by MLflow when it is imported: no usage statistics, and no minutes of trying, which is the feed's business.
    for name, value in MLFLOW.items():
        os.environ.setdefault(f"MLFLOW_{name}", value)
    try:
        app()
    except (ValueError, RuntimeError) as error:
        if type(error).__module__.split(".")[0] not in OURS:
            raise
        err.print(f"retina: {error}", markup=False)
        sys.exit(exit_code(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            where = f": {error.filename}" if error.filename else ""
            err.print(f"retina: {error.strerror or error}{where}; give a folder that may be written", markup=False)
            sys.exit(EXIT_WRONG)
        err.print(f"retina: {error.strerror}: {error.filename or 'the home'}; free some space first", markup=False)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        err.print("retina: interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if not type(error).__module__.startswith("mlflow."):  # it is not imported only to be asked for its class
            raise
        from study.reach import shown

        told = shown(" ".join(str(error).split()))[:300]
        refused = any(f" {code}" in told for code in (401, 403))
        remedy = (
            "correct user and password of MLFLOW_TRACKING_URI" if refused else "try again once it answers as it should"
        )
        err.print(f"retina: MLflow: {told}; {remedy}", markup=False)
        sys.exit(EXIT_WRONG)


def exit_code(error: Exception) -> int:
    """What an error of ours ends a command with."""
    from study.lock import LockedError

    if isinstance(error, LockedError):
        return EXIT_LOCKED
    return EXIT_WRONG if isinstance(error, ValueError) else EXIT_FAILED


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(version("retina"))
        raise typer.Exit


@app.callback()
def retina(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Search for the best way to grade diabetic retinopathy, with claims that can be checked."""


@with_flags(field_flags(TrialConfig, "Configuration"))
def train(
    data: Annotated[Path | None, typer.Argument(help="Folder with label files and photographs.")] = None,
    from_run: Annotated[
        str | None, typer.Option(help="Run a trial again: STUDY/TRIAL or the id of its MLflow run.", show_default=False)
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for weights and epochs.")] = Path("trained"),
    layout: Layout = None,
    weights: WeightFiles = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads [all cores]", show_default=False)] = None,
    home: Home = None,
    **values: Any,
) -> None:
    """Train one configuration, without Ray."""
    from study import single

    here, target = place(home), folder.resolve()
    if from_run:
        if given(values) or data or weights or threads:
            raise ConfigError("--from-run takes everything from the run; drop DATA and the other flags")
        if not single.repeat(from_run, here.home, here.tracking_uri, target, out):
            sys.exit(EXIT_FAILED)
    elif data is None:
        raise ConfigError("DATA must be given (a folder with label files and photographs), or --from-run")
    else:
        single.train_new(data.resolve(), layout, here.home, given(values), weight_files(weights), threads, target, out)


STUDY_FLAGS = [flag for flag in field_flags(StudyConfig, "Study") if flag.name != "fold"]
"""A fold is never alone: --folds makes a study of each."""

Folds = Annotated[
    int | None, typer.Option(help="Outer folds, each searched with a budget of its own.", show_default=False)
]
AddArm = Annotated[list[str] | None, typer.Option(help="Arm that a study shall have from now on; may be repeated.")]
ToldBy = Annotated[
    str | None, typer.Option("--from", help="Tell the samplers another study's trials first.", show_default=False)
]
Tries = Annotated[
    Path | None, typer.Option("--try", help="YAML list of configurations to run first.", show_default=False)
]


@with_flags([*STUDY_FLAGS, *field_flags(TrialConfig, "Fix a field (and take it out of the space)", DEFAULT_SPACE)])
def search(
    name: Annotated[str, typer.Argument(help="Study; it is begun, or gone on with.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with label files and photographs.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with the study.", show_default=False)] = None,
    layout: Layout = None,
    weights: WeightFiles = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: CpusPerTrial = None,
    address: Address = None,
    time_budget: TimeBudget = None,
    folds: Folds = None,
    insecure: Insecure = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and what it would cost.")] = False,
    add_arm: AddArm = None,
    told_by: ToldBy = None,
    tries: Tries = None,
    home: Home = None,
    **values: Any,
) -> None:
    """Search for the best configuration of each arm; killed, the same command goes on."""
    here = place(home, address, insecure, gpus_per_trial, cpus_per_trial)
    cluster = _opened(here, name, address, insecure)
    from study import session  # only now, as it is heavy
    from study.folds import search_folds, settled_folds

    inputs = _inputs(data, layout, config, weights, add_arm, told_by, tries, values)
    compute = _compute(gpus_per_trial, cpus_per_trial, cluster, time_budget)
    if count := settled_folds(here.home, study_name(name), folds):
        code = search_folds(name, count, here, out, inputs, compute, dry=dry_run)
    else:
        code = session.search(name, here, out, inputs, compute, dry=dry_run)
    if not code and not dry_run:
        settle(here, err.print)  # a study that has all its trials may have been killed before MLflow had them
    sys.exit(code)


def confirm(
    name: Annotated[str, typer.Argument(help="Study whose search has ended.")],
    top: Annotated[int, typer.Option(min=1, help="Best configurations of each arm.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds of each.")] = 3,
    drop_fellows: Annotated[
        bool, typer.Option("--drop-fellows", help="Take patients of the test part out of training.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Where the data is now, if it moved.", show_default=False)] = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: CpusPerTrial = None,
    address: Address = None,
    insecure: Insecure = False,
    time_budget: TimeBudget = None,
    home: Home = None,
) -> None:
    """Train each arm's winner again with fresh seeds, then read the test part; killed, the same command goes on."""
    here = place(home, address, insecure, gpus_per_trial, cpus_per_trial)
    cluster = _opened(here, name, address, insecure)
    from study import confirming
    from study.confirm import Wish

    compute = _compute(gpus_per_trial, cpus_per_trial, cluster, time_budget)
    wish = Wish(top=top, seeds=seeds, drop_fellows=drop_fellows)
    code = confirming.confirm(name, here, out, wish, compute, data.resolve() if data else None)
    if not code:
        settle(here, err.print)
    sys.exit(code)


def _opened(here: Place, name: str, address: str | None, insecure: bool) -> tuple[str | None, Guard]:
    """What is asked before anything heavy is imported: the name, the study's lock, MLflow and the cluster."""
    from study.lock import check_free
    from study.reach import check_answers

    out.outlives = err.outlives = True
    check_free(here.home / study_name(name))
    check_answers(here.tracking_uri)
    return _cluster(address, insecure)


def _inputs(
    data: Path | None,
    layout: str | None,
    config: Path | None,
    weights: list[str] | None,
    add_arm: list[str] | None,
    told_by: str | None,
    tries: Path | None,
    values: dict[str, Any],
) -> Inputs:
    """What the flags of a search say of its study."""
    from study.plan import Inputs

    return Inputs(
        data=data.resolve() if data else None,
        layout=layout,
        config_file=config.resolve() if config else None,
        overrides={**given(values), **({"weights": weight_files(weights)} if weights else {})},
        add_arms=tuple(add_arm or ()),
        told_by=study_name(told_by) if told_by else None,
        tries=tries.resolve() if tries else None,
    )


def _cluster(address: str | None, insecure: bool) -> tuple[str | None, Guard]:
    """Address of a Ray cluster that may be joined, None for one of our own; and what guards it.

    Raises ConfigError where none answers, or where it may not.
    """
    from study.address import check_address

    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    token = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
    guard: Guard = "waived" if insecure else "token" if token else "none"
    if address == LOCAL:
        return None, guard
    check_address(address, guard)
    return address, guard


def _compute(
    gpus: float | None, cpus: int | None, cluster: tuple[str | None, Guard], time_budget: str | None
) -> Compute:
    from study.progress import parse_duration
    from study.running import Compute

    return Compute(
        gpus_per_trial=gpus,
        cpus_per_trial=cpus,
        address=cluster[0],
        guard=cluster[1],
        time_budget=parse_duration(time_budget) if time_budget else None,
    )


def demo(home: Home = None) -> None:
    """Run the whole line on synthetic photographs: data, source weights, four arms, report."""
    from study.demo import run_demo

    sys.exit(run_demo(place(home), out))


for command in (
    train, search, confirm, cli_browse.status, cli_browse.report, cli_browse.ui, cli_browse.delete,
    cli_model.export, cli_model.predict, demo,
):  # fmt: skip
    app.command()(command)
app.add_typer(cli_data.data_app, name="data")
