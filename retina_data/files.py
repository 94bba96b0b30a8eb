"""Write a file atomically."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a mixture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb", buffering=0) as handle:
            rest = memoryview(data)
            while rest:  # a disk that fills up takes some bytes first, and fails only at the rest
                rest = rest[handle.write(rest) :]
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
