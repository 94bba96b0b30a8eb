"""The home of a call of the API: an argument, else RETINA_HOME, else `runs/`, as for the command."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder(home: Path | str | None) -> Path:
    """Absolute path of the home; nothing is made."""
    return Path(home or os.environ.get("RETINA_HOME") or "runs").expanduser().resolve()
