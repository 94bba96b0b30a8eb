"""Which studies MLflow does not have whole; asked by each command, so nothing heavy is imported here."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from retina_data.errors import DataError
from retina_data.files import write_whole
from retina_data.gate import read_file
from study.errors import os_error_text
from study.storage.home import Home, fold_studies, study_folders
from study.storage.lock import is_locked

log = logging.getLogger(__name__)


SYNCED = "synced"  # holds the size of the ledger that MLflow has whole, and a digest of MLflow's address


def mark_synced(folder: Path, uri: str) -> None:
    """Remember that the MLflow at `uri` has the whole ledger of a study."""
    write_whole(folder / SYNCED, _mark(folder, uri))


def stale_studies(home: Path, uri: str) -> list[Path]:
    """Folders of studies that nobody is writing and that MLflow does not have whole.

    A store that was deleted, or another address, has nothing: the ledger has everything, and is sent.
    """
    store = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
    return [
        folder
        for folder in study_folders(home)
        if (_marked(folder) != _mark(folder, uri) or (store is not None and not store.exists()))
        and not is_locked(folder)
    ]


def grown(folder: Path, uri: str) -> bool:
    """Whether a ledger says more than some MLflow was sent; else only its address is another one."""
    return _marked(folder).partition(b" ")[0] != _mark(folder, uri).partition(b" ")[0]


def _mark(folder: Path, uri: str) -> bytes:
    where = hashlib.sha256(uri.encode()).hexdigest()  # the address itself may hold a password
    return f"{(folder / 'ledger.jsonl').stat().st_size} {where}\n".encode()


def _marked(folder: Path) -> bytes:
    try:
        return read_file(folder / SYNCED, 1000)
    except (OSError, DataError):
        return b""


def sync_pending(here: Home, name: str | None = None, *, resend: bool = False) -> bool:
    """Send MLflow what a killed search left unsent, so that no run stays RUNNING; warns of what it does not take.

    name: a study that is compared even if MLflow is believed to have it, with its folds; resend: and sent, whatever
    MLflow has. Returns whether all was sent. Raises RefusedError where that study is not taken; of the others it is a
    warning.
    """
    from study.storage.ledger import LedgerError
    from study.storage.lock import LockedError
    from study.tracking.server import redact_url, server_error
    from study.tracking.store.moved_home import settle_place
    from study.tracking.store.refusals import RefusedError

    settle_place(here)
    asked = [here.home / study for study in (fold_studies(here.home, name) if name else ())]
    stale = stale_studies(here.home, here.tracking_uri)
    pending = [*stale, *(one for one in asked if one not in stale and (one / "ledger.jsonl").exists())]
    if pending and (text := server_error(here.tracking_uri)):
        log.warning(f"MLflow does not answer at {redact_url(here.tracking_uri)} ({text}); what it lacks is sent later")
        return False
    sent = True
    for folder in pending:
        from study.tracking.sync import TrackingError, sync

        try:
            sync(folder, here.tracking_uri, here.artifacts_of(folder.name), resend=resend and folder in asked)
        except LockedError:
            continue  # somebody has begun to write it, and sends it
        except RefusedError as error:
            if folder in asked:
                raise
            log.warning(f"{folder.name} cannot be sent to MLflow: {error}")
            sent = False
        except (LedgerError, DataError) as error:  # one study's damage is not another's
            log.warning(f"{folder.name} cannot be sent to MLflow: {error}")
            sent = False
        except OSError as error:
            log.warning(f"{folder.name} cannot be sent to MLflow: {os_error_text(error)}")
            sent = False
        except TrackingError as error:
            log.warning(f"{folder.name} is sent to MLflow later: {error}")
            sent = False
    return sent
