"""What all commands share: the consoles, exit codes, common flags, and where everything is."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from analysis.artifact_place import ARTIFACTS
from retina_data.errors import check_exists
from retina_data.gate import below, check_utf8
from study.cli.config_flags import drop_unset, field_flags
from study.config.study import NAMED_WEIGHTS, READ_FIELDS, StudyConfig
from study.config.trial import Architecture
from study.console import out
from study.errors import ConfigError
from study.storage.home import RESERVED, Home, store_uri


def examples(*commands: str) -> str:
    """The end of a command's help; typer joins lines and makes one of an empty line."""
    return "\n\n".join(["[bold]Examples[/bold]", *commands])


def weight_files(pairs: list[str] | None) -> dict[str, str]:
    """Where the weights of each architecture come from: a name, which may be given for all at once, or a file.

    ARCHITECTURE=FILE pairs get absolute paths.
    """
    files: dict[str, str] = {}
    for pair in pairs or []:
        architecture, sign, source = pair.partition("=")
        if not sign and pair in NAMED_WEIGHTS:
            files |= dict.fromkeys(get_args(Architecture), pair)
            continue
        if not sign or not source:
            raise ConfigError(
                f"--weights must be ARCHITECTURE=FILE, {' or '.join(NAMED_WEIGHTS)}, but got {pair!r}; for example "
                "resnet18=weights.pth"
            )
        files[architecture] = source if source in NAMED_WEIGHTS else str(Path(source).expanduser().resolve())
    return files


EXIT_FAILED, EXIT_WRONG, EXIT_LOCKED, EXIT_INTERRUPTED = 1, 2, 75, 130

STUDY, BUDGET, COMPUTE, FIX = "Study", "Budget", "Compute", "Fix a field (and take it out of the space)"

READING = "How DATA is read"
"""Panels of the help."""

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder that holds everything.", show_default="RETINA_HOME, or runs/")
]

SharedHome = Annotated[
    bool,
    typer.Option("--shared-home", help="Let others of this machine read the home, where this call makes it."),
]

Data = Annotated[Path, typer.Argument(help="Folder with label files and photographs, or a MedMNIST file.")]

Layout = Annotated[
    str | None,
    typer.Option(
        help="Take DATA as this layout: lab, kaggle, aptos, folders, medmnist, ...; see docs/data.",
        show_default=False,
        rich_help_panel=READING,
    ),
]

GradeWords = Annotated[
    list[str] | None,
    typer.Option(
        "--grade",
        help="WORD=N: what a word of the label file, or a folder's name, means; WORD=none leaves out. May be repeated.",
        rich_help_panel=READING,
    ),
]

READ_FLAGS = [flag for flag in field_flags(StudyConfig, READING) if flag.name in READ_FIELDS]
"""Flags that say how DATA is read, for commands that have none of a study's other fields."""


def read_values(values: dict[str, Any], grade: list[str] | None, data: Path | None) -> dict[str, Any]:
    """What the flags of a command say of reading DATA, as fields of a study; they are taken out of `values`.

    A label file is named as below DATA where it lies there, else by its absolute path.
    """
    if data is not None:
        check_exists(data)  # before what is heavy is imported
    found = drop_unset({name: values.pop(name) for name in READ_FIELDS if name in values})
    if grade:
        pairs = [text.rpartition("=") for text in grade]
        wrong = next((text for text in grade if not re.fullmatch("(?s)(.+=[0-4]|.*=none)", text)), None)
        if wrong:
            raise ConfigError(f"--grade must be WORD=N with N from 0 to 4, or none, but got {wrong!r}")
        found["grades"] = {word: None if number == "none" else int(number) for word, _, number in pairs}
    labels = Path(found.get("labels") or "")
    if found.get("labels") and not (data and (data / labels).exists()) and labels.exists():
        found["labels"] = str(labels.resolve())
    return found


WeightFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        help="imagenet, synthetic, or ARCHITECTURE=imagenet, synthetic or FILE; may be repeated.",
        rich_help_panel=STUDY,
    ),
]

GpusPerTrial = Annotated[
    float | None,
    typer.Option(
        help="Part of a GPU for each trial, 0 to 1.", show_default="1 where there are GPUs", rich_help_panel=COMPUTE
    ),
]

CpusPerTrial = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="CPUs for each trial.",
        show_default="all of a node, divided among its GPUs",
        rich_help_panel=COMPUTE,
    ),
]

Address = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Ray cluster to join.", show_default="RAY_ADDRESS", rich_help_panel=COMPUTE),
]

Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Join a cluster beyond this machine though RAY_AUTH_MODE is not token.",
        rich_help_panel=COMPUTE,
    ),
]

TimeBudget = Annotated[
    str | None,
    typer.Option(
        help="Stop this call after 90s, 30m, 2h, ...; the same command resumes its trials.",
        show_default=False,
        rich_help_panel=BUDGET,
    ),
]


def make_home(folder: Path, shared: bool) -> None:
    """Make the home, where there is none, for its owner alone unless it is to be shared; who can read it is said."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o777 if shared else 0o700)
        folder.chmod(folder.stat().st_mode if shared else 0o700)  # whatever the umask
        if shared:
            out.print(f"note: the home {folder} can be read by others of this machine (--shared-home)")
    elif folder.stat().st_mode & 0o007 and not shared:
        out.print(
            f"note: the home {folder} can be read by others of this machine; `chmod o= {shlex.quote(str(folder))}` "
            "keeps them out, --shared-home says that they may"
        )


def place(
    home: Path | None,
    address: str | None = None,
    insecure: bool = False,
    gpus_per_trial: float | None = None,
    cpus_per_trial: int | None = None,
) -> Home:
    """Absolute paths from flag, environment and default; makes nothing. Raises DataError for a home with links out.

    The rest are flags of a call on Ray, where they were given: a trial in flight goes on as it began, on its device.
    """
    folder = Path(home or os.environ.get("RETINA_HOME") or "runs").expanduser().resolve()
    check_utf8(folder, "the home")
    for name in RESERVED if folder.exists() else ():
        below(folder, name)
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    artifacts = None if uri.startswith("http") else (folder / ARTIFACTS).as_uri()
    rerun_flags = f" --home {shlex.quote(str(home))}" if home else ""
    resume_flags = (f" --address {shlex.quote(address)}" if address else "") + " --insecure" * insecure
    resume_flags += (
        f" --gpus-per-trial {gpus_per_trial:.12g}" if gpus_per_trial is not None else ""
    )  # 0 keeps off the GPU
    resume_flags += f" --cpus-per-trial {cpus_per_trial}" if cpus_per_trial is not None else ""
    return Home(folder, uri or store_uri(folder), artifacts, rerun_flags, rerun_flags + resume_flags)
