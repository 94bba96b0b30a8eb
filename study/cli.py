"""The `retina` command: paths made absolute, the environment read, exit codes; the work is done elsewhere.

Heavy things (torch, Ray, MLflow) are imported inside the commands that need them: `retina --help` loads none.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from study.config import ConfigError, StudyConfig, TrialConfig
from study.flags import field_flags, given, with_flags
from study.place import Place, settle, study_name, weight_files

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
data_app = typer.Typer(no_args_is_help=True, help="Make, check and prepare data sets.")
app.add_typer(data_app, name="data")

EXIT_FAILED, EXIT_WRONG, EXIT_LOCKED, EXIT_INTERRUPTED = 1, 2, 75, 130
MLFLOW = {
    "DISABLE_TELEMETRY": "true",
    "HTTP_REQUEST_MAX_RETRIES": "1",
    "HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "HTTP_REQUEST_TIMEOUT": "20",
}
OURS = ("study", "retina_models", "retina_data", "analysis")

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Home = Annotated[
    Path | None, typer.Option("--home", help="Folder that holds everything [RETINA_HOME, or runs/]", show_default=False)
]
Data = Annotated[Path, typer.Argument(help="Folder with label files and photographs, or a MedMNIST file.")]
Layout = Annotated[
    str | None,
    typer.Option(help="Take DATA as this layout: lab, kaggle, aptos, folders, medmnist.", show_default=False),
]
WeightFiles = Annotated[
    list[str] | None, typer.Option("--weights", help="ARCHITECTURE=FILE, or ARCHITECTURE=imagenet; may be repeated.")
]


def place(home: Path | None) -> Place:
    """Absolute paths from flag, environment and default; makes nothing."""
    folder = Path(home or os.environ.get("RETINA_HOME") or "runs").expanduser().resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    artifacts = None if uri.startswith("http") else (folder / "mlartifacts").as_uri()
    return Place(folder, uri or f"sqlite:///{folder / 'mlflow.db'}", artifacts)


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


def exit_code(error: Exception) -> int:
    """What an error of ours ends a command with."""
    from study.ledger import LockedError

    if isinstance(error, LockedError):
        return EXIT_LOCKED
    return EXIT_WRONG if isinstance(error, ValueError) else EXIT_FAILED


@data_app.command("synth")
def data_synth(
    folder: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    patients: Annotated[int, typer.Option(help="Patients, two eyes each.")] = 200,
    image_size: Annotated[int, typer.Option(help="Side of a photograph, pixels.")] = 64,
    camera: Annotated[str, typer.Option(help="Look of the photographs: a, b.")] = "a",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Make a synthetic data set in the lab's layout."""
    from retina_data.synthetic import make_dataset

    make_dataset(folder.resolve(), patients=patients, image_size=image_size, camera=camera, seed=seed)
    out.print(f"made {2 * patients} photographs of {patients} patients in {folder}", markup=False)


@data_app.command("check")
def data_check(
    data: Data,
    layout: Layout = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write a page (HTML) with an example of each finding.", show_default=False)
    ] = None,
) -> None:
    """Say what is in a data set, and what is wrong with it; 1 where training on it would be wrong."""
    from retina_data.checks import check
    from retina_data.content import look_at
    from retina_data.index import read_index
    from study.audit_page import write_page
    from study.audit_view import print_audit

    dataset = read_index(data.resolve(), layout, missing="keep")
    report, findings = check(dataset, None if dataset.labels_only else look_at(dataset, progress=not as_json))
    if page:
        write_page(page.resolve(), dataset, report, findings)
    if as_json:
        out.print_json(data=report)
    else:
        print_audit(out, report)
        out.print(f"page: {page}" if page else "pictures of each finding: add --page FILE.html", markup=False)
    if any(finding.severity == "error" for finding in findings):
        sys.exit(EXIT_FAILED)


@data_app.command("prepare")
def data_prepare(
    data: Data,
    image_size: Annotated[int, typer.Option(help="Side of the square input, pixels.")] = 256,
    crop: Annotated[str, typer.Option(help="disc, none.")] = "disc",
    colour: Annotated[str, typer.Option(help="none, local_average.")] = "none",
    on_error: Annotated[str, typer.Option(help="What an unreadable image does: fail, skip.")] = "fail",
    layout: Layout = None,
    home: Home = None,
) -> None:
    """Decode a data set once, for all studies; interrupted, the same command goes on."""
    from retina_data.cache import prepare
    from retina_data.index import read_index

    if on_error not in ("fail", "skip"):
        raise ConfigError(f"--on-error must be fail or skip, but got {on_error!r}")
    cache = prepare(
        read_index(data.resolve(), layout),
        place(home).home,
        image_size=image_size,
        crop=crop,  # type: ignore[arg-type]
        colour=colour,  # type: ignore[arg-type]
        on_error=on_error,  # type: ignore[arg-type]
    )
    out.print(f"{len(cache.table)} photographs at {image_size} px in {cache.folder}", markup=False)
    for row in cache.table[cache.table["error"] != ""].itertuples():
        out.print(f"skipped: {row.image}: {row.error}", markup=False)


@app.command()
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


@app.command()
@with_flags(
    [*field_flags(StudyConfig, "Study"), *field_flags(TrialConfig, "Fix a field (and take it out of the space)")]
)
def search(
    name: Annotated[str, typer.Argument(help="Study; it is begun, or gone on with.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with label files and photographs.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with the study.", show_default=False)] = None,
    layout: Layout = None,
    weights: WeightFiles = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="GPUs of a trial, or a part of one [1]", show_default=False)
    ] = None,
    cpus_per_trial: Annotated[
        int | None, typer.Option(min=1, help="CPUs of a trial [all, shared by GPUs]", show_default=False)
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to join [RAY_ADDRESS]", show_default=False)] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="Stop this call after 90s, 30m, 2h, ...; trials go on later.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and what it would cost.")] = False,
    add_arm: Annotated[
        list[str] | None, typer.Option(help="Arm that a study shall have from now on; may be repeated.")
    ] = None,
    told_by: Annotated[
        str | None, typer.Option("--from", help="Tell the samplers another study's trials first.", show_default=False)
    ] = None,
    tries: Annotated[
        Path | None, typer.Option("--try", help="YAML list of configurations to run first.", show_default=False)
    ] = None,
    home: Home = None,
    **values: Any,
) -> None:
    """Search for the best configuration of each arm; killed, the same command goes on."""
    from study.ledger import check_free
    from study.reach import check_answers

    here = place(home)
    check_free(here.home / study_name(name))
    check_answers(here.tracking_uri)
    from study import session  # only now, as it is heavy
    from study.plan import Inputs
    from study.progress import parse_duration

    overrides = given(values)
    if weights:
        overrides["weights"] = weight_files(weights)
    inputs = Inputs(
        data=data.resolve() if data else None,
        layout=layout,
        config_file=config.resolve() if config else None,
        overrides=overrides,
        add_arms=tuple(add_arm or ()),
        told_by=study_name(told_by) if told_by else None,
        tries=tries.resolve() if tries else None,
    )
    compute = session.Compute(
        gpus_per_trial=gpus_per_trial,
        cpus_per_trial=cpus_per_trial,
        address=address or os.environ.get("RAY_ADDRESS"),
        time_budget=parse_duration(time_budget) if time_budget else None,
    )
    code = session.search(study_name(name), here, out, inputs, compute, dry=dry_run)
    if not code and not dry_run:
        settle(here, err.print)  # a study that has all its trials may have been killed before MLflow had them
    sys.exit(code)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Study [all]", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print again every 2 seconds.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Send NAME to MLflow again, whole; 1 if it cannot be.")] = False,
    home: Home = None,
) -> None:
    """Say how far studies are, from their ledgers alone."""
    from study.status import print_status, watch_status

    here = place(home)
    chosen = study_name(name) if name else None
    if sync and not chosen:
        raise ConfigError("--sync needs the study's NAME")
    sent = settle(here, err.print, chosen if sync else None)
    if watch:
        watch_status(out, here.home, chosen)
    else:
        print_status(out, here.home, chosen, as_json)
    if sync and not sent:
        sys.exit(EXIT_FAILED)


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Study.")],
    home: Home = None,
) -> None:
    """Write tables, figures and one HTML page about a study, from MLflow."""
    from study import session

    here = place(home)
    settle(here, err.print)
    folder = session.write_study_report(study_name(name), here)
    out.print(f"report: {folder / 'report.html'}", markup=False)


@app.command()
def ui(
    name: Annotated[str | None, typer.Argument(help="Study to open.", show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    home: Home = None,
) -> None:
    """Browse trials in the MLflow UI, on this machine only."""
    here = place(home)
    settle(here, err.print)
    if here.artifacts and not (here.home / "mlflow.db").exists():
        raise ConfigError(f"there must be a study to browse, but {here.home} has none; run `retina search` first")
    server = f"http://127.0.0.1:{port}" if here.artifacts else here.tracking_uri
    link: str | None = server
    if name:
        from study.tracking import trials_link

        link = trials_link(here.tracking_uri, study_name(name), server)
        if link is None:
            raise ConfigError(f"study {name} must be in MLflow, but is not; `retina status` lists the studies")
    out.print(f"open {link}", markup=False)
    if not here.artifacts:
        return  # a server that somebody else runs
    out.print("(stop with Ctrl-C)")
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", here.tracking_uri, "--host", "127.0.0.1"]
    options = ["--port", str(port), "--workers", "1", "--allowed-hosts", f"127.0.0.1:{port},localhost:{port}"]
    os.execve(sys.executable, command + options, environment)  # noqa: S606


@app.command()
def demo(home: Home = None) -> None:
    """Run the whole line on synthetic photographs: data, source weights, four arms, report."""
    from study.demo import run_demo

    sys.exit(run_demo(place(home), out))
