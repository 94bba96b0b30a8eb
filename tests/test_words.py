"""The field's words: identifiers that were retired for them stand nowhere in the four packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("retina_models", "retina_data", "analysis", "study")
RETIRED = {
    # data
    "disc", "Disc", "nerve", "NERVE", "part", "parts", "left_out", "clean", "test_clean", "CLEAN", "drop_fellows",
    "seen", "unseen", "shortcut", "size_model", "local_average", "Form", "Prepared", "chance", "chances", "guess",
    # analysis
    "cell", "cells", "Cell", "recipe", "headline", "judged", "degenerate", "remarks", "cautions", "findings", "doubt",
    "above_majority", "Models", "Picture", "LeftOut",
    # search
    "Errand", "Course", "begin", "finish", "to_begin", "Wish", "Wanted", "wish", "_Asker", "_Teller", "_Trials",
    "Asked",
    "Learner", "draws", "Reaper", "halt", "Head", "Feed", "Winner", "Place",
    "again", "joined", "whole", "parts_of",
    "told", "told_by", "tries", "settle", "limits", "slots", "WEIGHTS_KEPT", "torn", "_cut", "problem", "shown",
    "errand", "course", "course_of", "limits_of", "_tries", "begun", "like", "form", "learner", "find_winner",
    "fellows",
    "outcome", "stuck", "axis_text", "lies_inside", "USED_WITH", "holds", "repeat", "_BOUNDS", "_meant", "given",
    "note",
    "measured", "measure", "warm", "stopped", "rungs", "repeat_of", "confirms", "selected_on", "test_reads", "say",
}  # fmt: skip
EXCEPTIONS = {
    ("study/storage/events.py", "slots"),  # of a dataclass
    ("study/storage/state.py", "slots"),
    ("retina_models/resnet.py", "Head"),  # the network's last layer
    ("retina_data/layouts/medmnist.py", "repeat"),  # of NumPy
    ("retina_data/synthetic/dataset.py", "repeat"),
    ("retina_models/resnet.py", "shortcut"),  # of a residual block (He et al. 2016)
}
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _identifiers(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        for field in ("id", "attr", "name", "arg"):
            if isinstance(value := getattr(node, field, None), str) and not isinstance(node, ast.alias):
                yield value
        if isinstance(node, ast.alias):
            yield node.asname or node.name.rpartition(".")[2]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_retired_words_are_gone(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    found = {name for name in _identifiers(path) if name in RETIRED and (place, name) not in EXCEPTIONS}
    assert not found, f"{place} has {sorted(found)}: DESIGN's table has the field's words for them"


def test_exceptions_are_needed() -> None:
    for place, name in EXCEPTIONS:
        assert name in set(_identifiers(ROOT / place)), f"{place} has no {name} any more"
