"""Which photographs weights were trained on: written into their file, and compared with those that a study measures on.

"With pretraining" flatters an arm whose weights have seen the photographs that it is judged by, and nothing else would
show it: another layout or another split of the same photographs is another data set by its digest.
"""

from __future__ import annotations

import re
from pathlib import Path

from retina_models.weights import read_metadata
from study.errors import ConfigError
from study.training.data import SplitDataset

KEY = "trained_on"
"""Of a weights file's metadata: `provenance_text`."""

DIGITS = 12
"""Of each photograph's SHA-256: of 28,000 and 7,000 photographs two are taken for one by chance in one of 10^6 pairs of
sets."""


def provenance_text(prepared: SplitDataset, before: str = "") -> str:
    """The first digits of the SHA-256 of each photograph in training, sorted, one behind the other.

    before: the same of the weights that training began with, whose photographs are among them.
    """
    digests = prepared.cache.table["sha256"][(prepared.splits == "train").to_numpy()].str[:DIGITS]
    return "".join(sorted({*digests, *_pieces(before)}))


def read_provenance(file: Path) -> str:
    """What a weights file says it was trained on; "" where it does not."""
    text = read_metadata(file).get(KEY, "")
    return text if re.fullmatch(rf"(?:[0-9a-f]{{{DIGITS}}})*", text) else ""


def check_no_leakage(
    architecture: str, name: str, provenance: str, prepared: SplitDataset, *, finalists: bool = False
) -> None:
    """Raise ConfigError where weights were trained on photographs of the validation or test split.

    finalists: whether configurations are trained again on other validation splits: each training photograph may then
    be one that is measured.
    """
    known, digests = set(_pieces(provenance)), prepared.cache.table["sha256"].str[:DIGITS]

    def met_in(*splits: str) -> tuple[int, int]:
        evaluated = digests[prepared.splits.isin(splits).to_numpy()]
        return int(evaluated.isin(known).sum()), len(evaluated)

    met, of = met_in("val", "test")
    if met:
        raise ConfigError(
            f"weights must not have been trained on photographs that are measured here, but those of {architecture} "
            f"({name}) were trained on {met:,} of the {of:,} in validation and test; train them on other "
            "photographs, or leave pretraining out with --no-pretrained"
        )
    met, of = met_in("train")
    if met and finalists:
        raise ConfigError(
            f"weights must not have been trained on photographs that finalists are measured on, but those of "
            f"{architecture} ({name}) were trained on {met:,} of the {of:,} in training, and a finalist's validation "
            "split is drawn from these too; give --finalists 0, train the weights on other photographs, or leave "
            "pretraining out with --no-pretrained"
        )


def _pieces(text: str) -> list[str]:
    return [text[start : start + DIGITS] for start in range(0, len(text), DIGITS)]
