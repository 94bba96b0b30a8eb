"""A study taken away for good: its folder, its runs in MLflow, and the caches that no other study of the home uses.

All is checked and listed before anything goes. MLflow forgets first, then caches and folders go, a ledger last: whoever
is killed in between types the command again. No link is followed (`study.storage.gate.removal`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from analysis import schema
from retina_data.gate import below
from study.config.study import make_study_config
from study.config.trial import TrialConfig
from study.disk_space import size
from study.errors import ConfigError
from study.storage.events import StudyStarted
from study.storage.gate.removal import LEDGER, OWN, foreign, remove_study, remove_tree
from study.storage.home import study_folders
from study.storage.ledger import LedgerError
from study.storage.lock import check_free, locked
from study.storage.state import read_state
from study.tracking.server import check_answers
from study.tracking.store.moved_home import settle_place

if TYPE_CHECKING:
    from study.storage.home import Home
    from study.tracking.delete_runs import Stored


@dataclass(frozen=True)
class Removal:
    """What goes with a study; nothing has been touched yet.

    folders: with the id that each one's ledger tells, "" where it tells none. notes: what stays though one might think
    it goes.
    """

    name: str
    ids: dict[Path, str]
    caches: tuple[Path, ...]
    stored: tuple[Stored, ...]
    notes: tuple[str, ...]

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those of the study and of its outer folds."""
        return tuple(self.ids)

    def lines(self) -> list[str]:
        """Each thing with its size, and the sum, as the user is asked about them."""
        found = [(f"folder {folder}", _bytes(folder)) for folder in self.folders]
        for one in self.stored:
            runs = f"experiment {one.name} with {one.runs} runs and their artifacts"
            if one.others:
                runs = f"experiment {one.name}: its {one.runs} runs of the study and their artifacts"
            found.append((f"MLflow's {runs}", sum(map(_bytes, one.artifacts))))
            found += [(f"its artifacts {folder}", 0) for folder in sorted({path.parent for path in one.artifacts})]
        found += [(f"cache {cache}, which no other study here uses", _bytes(cache)) for cache in self.caches]
        lines = [f"{what}: {size(count)}" if count else what for what, count in found]
        return [
            *lines,
            f"together {size(sum(count for _, count in found))}",
            *(f"stays: {line}" for line in self.notes),
        ]


def find(name: str, here: Home) -> Removal:
    """What belongs to the study `name` alone, its outer folds with it.

    Raises ConfigError for a study that is not there or that is a fold of another, LockedError while one is written.
    """
    check_answers(here.tracking_uri)
    settle_place(here)
    folders = _folders(here.home, name)
    for folder in folders:
        check_free(folder)
        _check_nested(folder)
    started = {folder: _began(folder) for folder in folders}
    own = started.get(here.home / name)
    if own and own.config.get("fold"):
        fold = own.config["fold"]
        raise ConfigError(f"{name} is outer fold {fold} of a study, and folds go together; delete the whole")
    from study.tracking.delete_runs import find_stored

    ids = {folder: event.id if event else "" for folder, event in started.items()}
    stored, notes = find_stored(here, {folder.name: key for folder, key in ids.items()} or {name: ""})
    if not folders and not stored:
        known = ", ".join(folder.name for folder in study_folders(here.home)) or "none"
        raise ConfigError(f"study {name} must exist in {here.home}, but there is: {known}")
    caches, kept = _caches(here.home, folders)
    others = [f"{path}, which is not the study's" for folder in folders for path in foreign(folder)]
    return Removal(name, ids, tuple(caches), tuple(stored), (*notes, *kept, *others))


def _check_nested(folder: Path) -> None:
    """Raise ConfigError where another home's studies lie in what is the study's own; in the rest nothing is removed."""
    nested = [path for name in OWN for path in (folder / name).rglob(LEDGER)]
    if nested:
        raise ConfigError(
            f"a study's folder must hold no other study, but {nested[0].parent} is one; move it elsewhere, then delete"
        )


def remove(found: Removal, here: Home) -> list[str]:
    """Take it all away; returns what is to be said. Raises LockedError where a study has begun to be written."""
    from study.tracking.delete_runs import forget

    with ExitStack() as held:
        for folder, study_id in found.ids.items():
            held.enter_context(locked(folder))
            event = _began(folder)
            if (event.id if event else "") != study_id:
                raise ConfigError(
                    f"{folder} must hold the study that was asked about, but holds another one by now; nothing was "
                    "deleted: type the command again"
                )
        lines = [line for one in found.stored for line in forget(here, one)]
        for cache in found.caches:
            remove_tree(here.home, cache)
        for folder in found.ids:
            remove_study(here.home, folder)
    return [*lines, f"deleted: study {found.name}"]


def _folders(home: Path, name: str) -> list[Path]:
    """The study's folder, and those of its outer folds where it is a whole."""
    own = below(home, name)
    folds = []
    for folder in study_folders(home):
        event = _began(folder) if folder.name.startswith(f"{name}-fold") else None
        number, _ = schema.fold_of(event.config["fold"]) if event else (0, 0)
        if number and folder.name == schema.fold_name(name, number):
            folds.append(folder)
    is_study = (own / LEDGER).exists() or bool(folds)
    return [*([own] if own.is_dir() and is_study else []), *folds]


def _began(folder: Path) -> StudyStarted | None:
    """The event that began a study; None where it never began or its ledger is damaged."""
    try:
        state = read_state(folder)
    except LedgerError:
        return None
    return state.study if state else None


def _caches(home: Path, folders: list[Path]) -> tuple[list[Path], list[str]]:
    """Caches that only these studies use, and what keeps the others."""
    going = _used(home, folders)
    others = [folder for folder in study_folders(home) if folder not in folders]
    unknown = [folder.name for folder in others if _began(folder) is None]
    if unknown:
        return [], [f"the caches: {', '.join(unknown)} may use them too, which its ledger does not tell"]
    shared = _used(home, others)
    kept = [f"cache {cache.name}, which another study uses" for cache in sorted(going & shared)]
    return sorted(going - shared), kept


def _used(home: Path, folders: Iterable[Path]) -> set[Path]:
    """Caches of studies that are there; each has one for each colour normalisation that its trials may have."""
    from retina_data.cache.keys import folder_name
    from retina_data.images.decode import ImageSpec
    from retina_data.images.field_of_view import Shape

    found = set()
    for folder in folders:
        event = _began(folder)
        if event is None:
            continue
        config, fields = make_study_config(event.config, {}), TrialConfig.model_fields
        side, crop = (config.fixed.get(name, fields[name].default) for name in ("image_size", "crop"))
        for colour, shape in product(config.values("colour"), get_args(Shape)):
            spec = ImageSpec(int(side), str(crop), str(colour), shape)  # type: ignore[arg-type]
            cache = below(home, "cache", folder_name(event.identity["data_digest"], spec))
            found |= {cache} if cache.is_dir() else set()
    return found


def _bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() or file.is_symlink())
