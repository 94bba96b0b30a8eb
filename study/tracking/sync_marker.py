"""Which studies MLflow does not have whole; asked by each command, so nothing heavy is imported here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from retina_data.files import write_whole
from study.storage.lock import is_locked

SYNCED = "synced"  # holds the size of the ledger that MLflow has whole, and a digest of MLflow's address


def mark_synced(folder: Path, uri: str) -> None:
    """Remember that the MLflow at `uri` has the whole ledger of a study."""
    write_whole(folder / SYNCED, _mark(folder, uri))


def stale_studies(home: Path, uri: str, again: str | None = None) -> list[Path]:
    """Folders of studies that nobody is writing and that MLflow does not have whole; `again` counts as one.

    A store that was deleted, or another address, has nothing: the ledger has everything, and is sent.
    """
    store = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
    return [
        ledger.parent
        for ledger in sorted(home.glob("*/ledger.jsonl"))
        if (
            ledger.parent.name == again
            or _marked(ledger.parent) != _mark(ledger.parent, uri)
            or (store is not None and not store.exists())
        )
        and not is_locked(ledger.parent)
    ]


def _mark(folder: Path, uri: str) -> bytes:
    where = hashlib.sha256(uri.encode()).hexdigest()  # the address itself may hold a password
    return f"{(folder / 'ledger.jsonl').stat().st_size} {where}\n".encode()


def _marked(folder: Path) -> bytes:
    try:
        return (folder / SYNCED).read_bytes()
    except OSError:
        return b""
