"""Commands about studies that are there: how far, what they found, where to look."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Annotated, Any

import typer

from analysis.redact import without_passwords
from study.cli.options import EXIT_FAILED, HomeOption, place
from study.console import err, out
from study.errors import ConfigError
from study.storage.home import Home, study_name
from study.tracking.sync_marker import sync_pending

ACCURACY = 0.82
"""That of the lab's report."""


def status(
    name: Annotated[str | None, typer.Argument(help="Study.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print again every 2 seconds.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Send NAME to MLflow again, whole; 1 if it cannot be.")] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            help="Trial of NAME to leave out of its report, before the test split is read.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show the progress of studies, from their ledgers alone."""
    from study.workflows.status import print_status, watch_status

    here = place(home)
    chosen = study_name(name) if name else None
    if sync and not chosen:
        raise ConfigError("--sync needs the study's NAME")
    if forget:
        _forget(here, chosen, forget)
    if watch and as_json:
        raise ConfigError("--watch or --json must be given, but got both; for a program call --json again and again")
    sent = True
    if sync:
        with _output_of(as_json):
            sent = sync_pending(here, chosen, resend=True)
    if watch:
        parent_study = watch_status(out, here.home, chosen, here.rerun_flags)
    else:
        parent_study = print_status(out, here.home, chosen, as_json, here.rerun_flags)
    if not sync:
        with _output_of(as_json):
            sync_pending(here)  # only now: MLflow may take its time, and the ledgers know without it
    if not (sent and parent_study):
        sys.exit(EXIT_FAILED)


def _forget(here: Home, name: str | None, trial: str) -> None:
    from study.storage.forget import forget_trial

    if not name:
        raise ConfigError("--forget needs the study's NAME (of a study of folds that of the fold)")
    new = forget_trial(here.home / name, trial)
    err.print(f"trial {trial} of study {name} {'is' if new else 'was already'} forgotten: no report has it")


def _output_of(as_json: bool) -> AbstractContextManager[Any]:
    """Where all else is printed: on standard error, where standard output is JSON for a program."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def report(
    name: Annotated[str, typer.Argument(help="Study.")],
    accuracy: Annotated[
        float, typer.Option(help="List configurations with this accuracy or more.", min=0.0, max=1.0)
    ] = ACCURACY,
    home: HomeOption = None,
) -> None:
    """Write a study's tables, figures and HTML page."""
    from study.tracking.server import check_answers

    here, chosen = place(home), study_name(name)
    if here.store_missing() and not any(here.home.glob("*/ledger.jsonl")):
        raise ConfigError(
            f"study {chosen} must be there to be reported, but {here.home} holds none yet; run `retina "
            f"search {chosen}{here.rerun_flags}` first"
        )
    check_answers(here.tracking_uri)
    from study.workflows.report import write_study_report  # only now, as it is heavy

    sync_pending(here)
    folder = write_study_report(chosen, here, accuracy)
    out.print(f"report: {folder / 'report.html'}", markup=False)


def ui(
    name: Annotated[str | None, typer.Argument(help="Study to open.", show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 5000,
    home: HomeOption = None,
) -> None:
    """Browse trials in the MLflow UI, on this machine only."""
    from study.tracking.server import check_answers, is_free, secret_path, tell_once_up

    here = place(home)
    sync_pending(here, study_name(name) if name else None)
    if here.artifacts and here.store_missing():
        raise ConfigError(
            f"there must be a study to browse, but {here.home} has none; run `retina search{here.rerun_flags}` first"
        )
    check_answers(here.tracking_uri)
    server = f"http://127.0.0.1:{port}" if here.artifacts else here.tracking_uri.rstrip("/")
    prefix = secret_path(here.home) if here.artifacts else ""
    page = f"{without_passwords(server, '')}{prefix}"
    from study.tracking.experiment_page import links, serves

    found = links(here, study_name(name), page) if name else [f"{page}/"]
    if not found:
        raise ConfigError(
            f"study {name} must be in MLflow, but is not; `retina status{here.rerun_flags}` lists the studies"
        )
    start_server = here.artifacts is not None and is_free(port)
    if here.artifacts and not start_server and not serves(page, here.tracking_uri):
        raise ConfigError(f"port {port} must be free, but something else listens there; give another --port")

    def tell(answers: bool) -> None:
        if not answers:
            out.print("MLflow does not answer yet; once it does:")
        for link in found:
            out.print(f"open {link}", markup=False)

    if not start_server:
        return tell(True)  # a server that runs already
    out.print("starting MLflow ... (stop with Ctrl-C)")
    tell_once_up(f"{server}{prefix}", tell)
    # Addresses hold passwords, and the path is a secret: in the environment, which other users do not see.
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": here.tracking_uri,
        "MLFLOW_STATIC_PREFIX": prefix,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": here.artifacts or "",
    }
    command = [sys.executable, "-m", "mlflow", "ui", "--no-serve-artifacts", "--host", "127.0.0.1"]
    options = ["--port", str(port), "--workers", "1", "--allowed-hosts", f"127.0.0.1:{port},localhost:{port}"]
    os.execve(sys.executable, command + options, environment)  # noqa: S606


def delete(
    name: Annotated[str, typer.Argument(help="Study, with all its folds.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
) -> None:
    """Remove a study for good.

    Its folder, its MLflow runs, and the caches that no other study uses.
    """
    from study.workflows.delete import find, remove

    here = place(home)
    found = find(study_name(name), here)
    for line in found.lines():
        out.print(line, markup=False)
    if not yes and not _agreed():
        out.print("nothing was deleted")
        sys.exit(EXIT_FAILED)
    for line in remove(found, here):
        out.print(line, markup=False)


def _agreed() -> bool:
    try:
        return typer.confirm("Delete this for good?")
    except typer.Abort:  # no answer at all
        out.print()
        return False
