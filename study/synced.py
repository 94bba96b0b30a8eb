"""Which studies MLflow does not have whole; asked by each command, so nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path

from study.ledger import is_locked

SYNCED = "synced"  # holds the size of the ledger that MLflow has whole


def mark_synced(folder: Path) -> None:
    """Remember that MLflow has the whole ledger of a study."""
    (folder / SYNCED).write_text(str((folder / "ledger.jsonl").stat().st_size))


def stale_studies(home: Path) -> list[Path]:
    """Folders of studies that nobody is writing and whose ledger MLflow does not have whole."""
    return [
        ledger.parent
        for ledger in sorted(home.glob("*/ledger.jsonl"))
        if _synced_size(ledger.parent) != ledger.stat().st_size and not is_locked(ledger.parent)
    ]


def _synced_size(folder: Path) -> int:
    try:
        return int((folder / SYNCED).read_text())
    except (OSError, ValueError):
        return -1
