"""Where a home is, what its studies are called, and what MLflow is still owed of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from analysis.records import fold_name
from study.config import NAMED_WEIGHTS, Architecture, ConfigError

RESERVED = ("cache", "mlartifacts", "mlflow.db", "weights")


@dataclass(frozen=True)
class Place:
    """Where things are: the home, MLflow's address, and the folder of artifacts where the store is our own.

    again: flags that each further command needs too; joined: those that one needs which goes on, on Ray, with
    what each trial had there.
    """

    home: Path
    tracking_uri: str
    artifacts: str | None
    again: str = ""
    joined: str = ""

    def artifacts_of(self, name: str) -> str | None:
        """Artifact location of a new experiment."""
        return f"{self.artifacts}/{name}" if self.artifacts else None

    def store_missing(self) -> bool:
        """Whether MLflow's store is a file that nobody has made yet."""
        file = self.tracking_uri.removeprefix("sqlite:///")
        return file != self.tracking_uri and not Path(file).exists()


def settle(here: Place, say: Callable[..., None], again: str | None = None) -> bool:
    """Send MLflow what a killed search left unsent, so that no run stays RUNNING; says what it does not take.

    again: a study to send even if MLflow is believed to have it. Returns whether all was sent.
    """
    from study.ledger import LedgerError
    from study.lock import LockedError
    from study.reach import problem, shown
    from study.synced import stale_studies

    stale = stale_studies(here.home, here.tracking_uri, again)
    if stale and (text := problem(here.tracking_uri)):
        say(f"MLflow does not answer at {shown(here.tracking_uri)} ({text}); what it lacks is sent later", markup=False)
        return False
    sent = True
    for folder in stale:
        from study.feed import TrackingError, sync

        try:
            sync(folder, here.tracking_uri, here.artifacts_of(folder.name))
        except LockedError:
            continue  # somebody has begun to write it, and sends it
        except (LedgerError, OSError) as error:  # one study's damage is not another's
            say(f"{folder.name} cannot be sent to MLflow: {error}", markup=False)
            sent = False
        except TrackingError as error:
            say(f"{folder.name} is sent to MLflow later: {error}", markup=False)
            sent = False
    return sent


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


def parts_of(home: Path, name: str) -> list[str]:
    """The studies that a name stands for: its folds, or itself."""
    return [fold_name(name, fold) for fold in range(1, folds_of(home, name) + 1)] or [name]


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
