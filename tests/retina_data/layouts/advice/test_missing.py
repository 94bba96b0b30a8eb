"""retina_data.layouts.advice.missing: advice looks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.advice.missing import advice_on_missing
from retina_data.layouts.folder_tree import tree_of
from retina_data.layouts.inventory import fates_of


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("x/1_left.HEIC", "1 lie there in a format that is not read (`x/1_left.HEIC`): convert them to PNG"),
        ("x.zip", "unpack `x.zip`, or add them"),
        ("x/001_left.png", "1 picture that no line lists lie there (`x/001_left.png`)"),
        ("README", "add them, or delete their lines"),
    ],
)
def test_advice_on_missing_images_looks_first(file: str, advice: str) -> None:
    fates = fates_of(tree_of(Path("/data"), [file]), set(), set(), [], [])
    assert advice_on_missing(fates, ["1_left.jpeg", "2_left"]).startswith(advice)
