"""The folder that holds studies, their names, and where MLflow keeps them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from analysis.schema import fold_name
from study.errors import ConfigError

RESERVED = ("cache", "mlartifacts", "mlflow.db", "weights")


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

    def store_missing(self) -> bool:
        """Whether MLflow's store is a file that nobody has made yet."""
        file = self.tracking_uri.removeprefix("sqlite:///")
        return file != self.tracking_uri and not Path(file).exists()


def study_name(name: str) -> str:
    """A name that is one folder and reads well everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) or name in RESERVED:
        raise ConfigError(
            "a study's name must be up to 64 letters, digits, '.', '_' and '-', begin with a letter or digit, "
            f"and not be {' or '.join(RESERVED)}, but got {name!r}"
        )
    return name


def folds_of(home: Path, name: str) -> int:
    """How many outer folds the study `name` has, as its first one says; 0 where it is an ordinary one, or not there."""
    try:
        with (home / fold_name(name, 1) / "ledger.jsonl").open("rb") as ledger:
            fold = json.loads(ledger.readline())["config"].get("fold", "")
    except (OSError, ValueError, KeyError):
        return 0
    return int(fold.partition("/")[2] or 0)


def fold_studies(home: Path, name: str) -> list[str]:
    """The studies that a name stands for: its folds, or itself."""
    return [fold_name(name, fold) for fold in range(1, folds_of(home, name) + 1)] or [name]
