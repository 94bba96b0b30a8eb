"""The folder that holds studies, their names, and where MLflow keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from analysis.artifact_place import ARTIFACTS, artifact_folder
from analysis.schema import fold_name, fold_of
from retina_data.errors import DataError
from study.errors import ConfigError
from study.storage.ledger import LedgerError, read_first

STUDY_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

STORE = "mlflow.db"

RESERVED = ("cache", ARTIFACTS, STORE, "weights", "Default")
"""Files and folders of the home, and the experiment that each store of MLflow's begins with."""

UNFIT = "?%"
"""What the address of a database cannot hold: MLflow reads one as the beginning of options, the other as codes."""


def store_uri(home: Path) -> str:
    """Address of a home's own database; raises ConfigError where its path does not fit into one."""
    if found := [sign for sign in UNFIT if sign in str(home)]:
        raise ConfigError(
            f"a home's path must be without {' and '.join(UNFIT)}, which the address of MLflow's database cannot hold, "
            f"but {home} has {found[0]!r}; rename the folder, or give another --home"
        )
    return f"sqlite:///{home / STORE}"


@dataclass(frozen=True)
class Home:
    """Where things are: the home, MLflow's address, and the folder of artifacts where the store is our own.

    rerun_flags: flags that each further command needs too; joined: those that one needs which goes on, on Ray, with
    what each trial had there.
    """

    home: Path
    tracking_uri: str
    artifacts: str | None
    rerun_flags: str = ""
    resume_flags: str = ""

    def artifacts_of(self, name: str) -> str | None:
        """Artifact location of a new experiment."""
        return f"{self.artifacts}/{name}" if self.artifacts else None

    @property
    def artifact_root(self) -> Path | None:
        """Folder of artifacts where the store is our own; our code finds the runs' below it (`artifact_folder`)."""
        return artifact_folder(self.artifacts, None) if self.artifacts else None

    @property
    def own_store(self) -> Path | None:
        """The home's own database of MLflow; None where another one is used."""
        file = self.home / STORE
        return file if self.tracking_uri == f"sqlite:///{file}" else None

    def store_missing(self) -> bool:
        """Whether MLflow's store is a file that nobody has made yet."""
        file = self.tracking_uri.removeprefix("sqlite:///")
        return file != self.tracking_uri and not Path(file).exists()


def study_name(name: str) -> str:
    """A name that is one folder and reads well everywhere."""
    if not re.fullmatch(STUDY_NAME, name) or name in RESERVED:
        raise ConfigError(
            "a study's name must be up to 64 letters, digits, '.', '_' and '-', begin with a letter or digit, "
            f"and not be {' or '.join(RESERVED)}, but got {name!r}"
        )
    return name


def study_folders(home: Path) -> list[Path]:
    """Folders of a home that hold a ledger, in order; a link is none, nor is a name that no study can have."""
    found = [path.parent for path in sorted(home.glob("*/ledger.jsonl"))]
    return [folder for folder in found if re.fullmatch(STUDY_NAME, folder.name) and not folder.is_symlink()]


def study_id(folder: Path) -> str:
    """Id of the study in a folder, as the first line of its ledger says; "" where it has not begun, or is damaged."""
    try:
        first = read_first(folder / "ledger.jsonl")
    except (LedgerError, DataError, OSError):
        return ""
    return first.id if first else ""


def is_copy(folder: Path, own: str, known_as: str) -> bool:
    """Whether the folder of the study with the id `own` is a copy of one beside it, by whose name MLflow knows it."""
    return known_as not in ("", folder.name) and any(
        other.name == known_as and study_id(other) == own for other in study_folders(folder.parent)
    )


def folds_of(home: Path, name: str) -> int:
    """How many outer folds the study `name` has, as its first one says; 0 where it is an ordinary one, or not there."""
    first = read_first(home / fold_name(name, 1) / "ledger.jsonl")
    return fold_of(first.config["fold"])[1] if first else 0


def fold_studies(home: Path, name: str) -> list[str]:
    """The studies that a name stands for: its folds, or itself."""
    return [fold_name(name, fold) for fold in range(1, folds_of(home, name) + 1)] or [name]
