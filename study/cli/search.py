"""The two commands that run trials on Ray: `retina search` and `retina confirm`.

Heavy things (torch, Ray, MLflow) are imported inside them, after all that can be refused without.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.cli.config_flags import drop_unset, field_flags, with_flags
from study.cli.options import (
    BUDGET,
    FIX,
    READING,
    STUDY,
    Address,
    CpusPerTrial,
    GpusPerTrial,
    GradeWords,
    HomeOption,
    Insecure,
    Layout,
    SharedHome,
    TimeBudget,
    WeightFiles,
    make_home,
    place,
    read_values,
    weight_files,
)
from study.config.axes import DEFAULT_SPACE
from study.config.messages import not_searched
from study.config.study import READ_FIELDS, StudyConfig
from study.config.trial import TrialConfig
from study.console import err, out
from study.storage.home import Home, folds_of, study_name
from study.tracking.sync_marker import sync_pending

if TYPE_CHECKING:
    from study.cluster.address import Guard
    from study.planning.inputs import Inputs
    from study.workflows.running.compute import Compute


LOCAL = "local"  # Ray's word for a cluster that is begun by who asks

_PANELS = {**dict.fromkeys(("trials", "finalists", "repeats"), BUDGET), **dict.fromkeys(READ_FIELDS, READING)}

STUDY_FLAGS = [flag for flag in field_flags(StudyConfig, STUDY, panels=_PANELS) if flag.name != "fold"]
"""A fold is never alone: --folds makes a study of each."""

Folds = Annotated[
    int | None,
    typer.Option(
        help="Outer folds, each searched with a budget of its own.", show_default=False, rich_help_panel=BUDGET
    ),
]

AddArm = Annotated[
    list[str] | None,
    typer.Option(help="Arm to add to a study that has begun; may be repeated.", rich_help_panel=STUDY),
]

WarmStart = Annotated[
    str | None,
    typer.Option(
        "--warm-start",
        help="Study whose trials the samplers start from.",
        show_default=False,
        rich_help_panel=STUDY,
    ),
]

Enqueue = Annotated[
    Path | None,
    typer.Option(
        "--enqueue", help="YAML list of configurations to run first.", show_default=False, rich_help_panel=STUDY
    ),
]


@with_flags([*STUDY_FLAGS, *field_flags(TrialConfig, FIX, DEFAULT_SPACE)])
def search(
    name: Annotated[str, typer.Argument(help="Study to start or to resume.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with label files and photographs.", show_default=False, rich_help_panel=STUDY),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with the study.", show_default=False, rich_help_panel=STUDY)
    ] = None,
    layout: Layout = None,
    grade: GradeWords = None,
    weights: WeightFiles = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: CpusPerTrial = None,
    address: Address = None,
    time_budget: TimeBudget = None,
    folds: Folds = None,
    insecure: Insecure = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run and what it would cost.")] = False,
    add_arm: AddArm = None,
    source_study: WarmStart = None,
    enqueued: Enqueue = None,
    home: HomeOption = None,
    shared_home: SharedHome = False,
    **values: Any,
) -> None:
    """Search for each arm's best configuration, or resume.

    The same command resumes a search that was killed; a larger --trials extends it.
    """
    here = place(home, address, insecure, gpus_per_trial, cpus_per_trial)
    cluster = _opened(here, name, address, insecure)
    values |= read_values(values, grade, data)
    _check_said(here, name, config, weights, time_budget, values)
    from study.workflows import search  # only now, as it is heavy
    from study.workflows.running.nested_cv import search_folds, settled_folds

    make_home(here.home, shared_home)
    inputs = _inputs(data, layout, config, weights, add_arm, source_study, enqueued, values, here.rerun_flags)
    compute = _compute(gpus_per_trial, cpus_per_trial, cluster, time_budget)
    if count := settled_folds(here.home, study_name(name), folds):
        code = search_folds(name, count, here, inputs, compute, search.search, dry=dry_run)
    else:
        code = search.search(name, here, inputs, compute, dry=dry_run)
    if not code and not dry_run:
        sync_pending(here, name)  # a study that has all its trials may have been killed before MLflow had them
    sys.exit(code)


def confirm(
    name: Annotated[str, typer.Argument(help="Study whose search has ended.")],
    top: Annotated[int, typer.Option(min=1, help="Best configurations of each arm.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds of each.")] = 3,
    exclude_test_patients: Annotated[
        bool, typer.Option("--exclude-test-patients", help="Take patients of the test split out of training.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Where the data is now, if it moved.", show_default=False)] = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: CpusPerTrial = None,
    address: Address = None,
    insecure: Insecure = False,
    time_budget: TimeBudget = None,
    home: HomeOption = None,
) -> None:
    """Retrain each arm's winner with fresh seeds, then test it.

    The test images are read once for each; the same command resumes a confirmation that was killed.
    """
    here = place(home, address, insecure, gpus_per_trial, cpus_per_trial)
    cluster = _opened(here, name, address, insecure)
    chosen = study_name(name)
    if not ((here.home / chosen / "ledger.jsonl").exists() or folds_of(here.home, chosen)):
        raise not_searched(name)
    from study.tuning.confirmation import ConfirmationConfig
    from study.workflows import confirm

    compute = _compute(gpus_per_trial, cpus_per_trial, cluster, time_budget)
    config = ConfirmationConfig(top=top, seeds=seeds, exclude_test_patients=exclude_test_patients)
    code = confirm.confirm(name, here, config, compute, data.resolve() if data else None)
    if not code:
        sync_pending(here, name)
    sys.exit(code)


def _opened(here: Home, name: str, address: str | None, insecure: bool) -> tuple[str | None, Guard]:
    """What is asked before anything heavy is imported: the name, the study's lock, MLflow and the cluster."""
    from study.storage.lock import check_free
    from study.tracking.server import check_answers
    from study.tracking.store.moved_home import settle_place

    out.outlive()
    err.outlive()
    check_free(here.home / study_name(name))
    check_answers(here.tracking_uri)
    settle_place(here)
    return _cluster(address, insecure)


def _check_said(
    here: Home, name: str, config: Path | None, weights: list[str] | None, budget: str | None, values: dict[str, Any]
) -> None:
    """Refuse what file and flags say wrong by themselves; what they add to a study that exists is checked later."""
    from study.config.study import make_study_config
    from study.config.yaml_file import read_study_config
    from study.storage.progress import parse_duration

    overrides = {**drop_unset(values), **({"weights": weight_files(weights)} if weights else {})}
    if config:
        read_study_config(config.resolve(), overrides)
    elif not (here.home / name).exists() and not folds_of(here.home, name):
        make_study_config({}, overrides)
    if budget:
        parse_duration(budget)


def _inputs(
    data: Path | None,
    layout: str | None,
    config: Path | None,
    weights: list[str] | None,
    add_arm: list[str] | None,
    source_study: str | None,
    enqueued: Path | None,
    values: dict[str, Any],
    rerun_flags: str,
) -> Inputs:
    """What the flags of a search say of its study."""
    from study.planning.inputs import Inputs

    return Inputs(
        data=data.resolve() if data else None,
        layout=layout,
        config_file=config.resolve() if config else None,
        overrides={**drop_unset(values), **({"weights": weight_files(weights)} if weights else {})},
        add_arms=tuple(add_arm or ()),
        source_study=study_name(source_study) if source_study else None,
        enqueued=enqueued.resolve() if enqueued else None,
        rerun_flags=rerun_flags,
    )


def _cluster(address: str | None, insecure: bool) -> tuple[str | None, Guard]:
    """Address of a Ray cluster that may be joined, None for one of our own; and what guards it.

    Raises ConfigError where none answers, or where it may not.
    """
    from study.cluster.address import check_address, own_token

    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    token = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
    guard: Guard = "waived" if insecure else "token" if token else "none"
    if address == LOCAL:
        os.environ.update(own_token())  # before Ray is imported
        return None, guard
    check_address(address, guard)
    return address, guard


def _compute(
    gpus: float | None, cpus: int | None, cluster: tuple[str | None, Guard], time_budget: str | None
) -> Compute:
    from study.storage.progress import parse_duration
    from study.workflows.running.compute import Compute

    return Compute(
        gpus_per_trial=gpus,
        cpus_per_trial=cpus,
        address=cluster[0],
        guard=cluster[1],
        time_budget=parse_duration(time_budget) if time_budget else None,
    )
