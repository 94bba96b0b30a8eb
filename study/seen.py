"""Which photographs weights were trained on: written into their file, and compared with those that a study measures on.

"With pretraining" flatters an arm whose weights have seen the photographs that it is judged by, and nothing else would
show it: another layout or another split of the same photographs is another data set by its digest.
"""

from __future__ import annotations

import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

from study.config import ConfigError
from study.prepared import Prepared

KEY = "trained_on"
"""Of a weights file's metadata: `seen_text`."""
DIGITS = 12
"""Of each photograph's SHA-256: of 28,000 and 7,000 photographs two are taken for one by chance in one of 10^6 pairs of
sets."""


def seen_text(prepared: Prepared, before: str = "") -> str:
    """The first digits of the SHA-256 of each photograph in training, sorted, one behind the other.

    before: the same of the weights that training began with, whose photographs are among them.
    """
    digests = prepared.cache.table["sha256"][(prepared.parts == "train").to_numpy()].str[:DIGITS]
    return "".join(sorted({*digests, *_pieces(before)}))


def read_seen(file: Path) -> str:
    """What a weights file says it was trained on; "" where it does not."""
    if file.suffix != ".safetensors":
        return ""
    try:
        with safe_open(file, "pt") as opened:
            text = str((opened.metadata() or {}).get(KEY, ""))
    except (SafetensorError, OSError, ValueError):
        return ""  # `read_weights` says so
    return text if re.fullmatch(rf"(?:[0-9a-f]{{{DIGITS}}})*", text) else ""


def check_unseen(architecture: str, name: str, seen: str, prepared: Prepared) -> None:
    """Raise ConfigError where weights were trained on photographs of the validation or test part."""
    known = set(_pieces(seen))
    measured = prepared.cache.table["sha256"][prepared.parts.isin(["val", "test"]).to_numpy()].str[:DIGITS]
    met = int(measured.isin(known).sum())
    if met:
        raise ConfigError(
            f"weights must not have been trained on photographs that are measured here, but those of {architecture} "
            f"({name}) were trained on {met:,} of the {len(measured):,} in validation and test; train them on other "
            "photographs, or leave pretraining out with --no-pretrained"
        )


def _pieces(text: str) -> list[str]:
    return [text[start : start + DIGITS] for start in range(0, len(text), DIGITS)]
