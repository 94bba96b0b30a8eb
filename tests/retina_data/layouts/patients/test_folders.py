"""retina_data.layouts.patients.folders: eyes, visits and copies that folders say."""

from __future__ import annotations

import pytest

from retina_data.layouts.patients.eye_words import EYES
from retina_data.layouts.patients.folders import Folder, read_folders


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", Folder("", "", "", "")),
        ("site/left", Folder("site", "left", "", "")),
        ("site/2019-03-12", Folder("site", "", "2019-03-12", "")),
        ("site/train_augmented", Folder("site", "", "", "augmented")),
        ("visit1/OD/clahe_512", Folder("", "right", "visit1", "clahe")),
        ("2019", Folder("", "", "2019", "")),
    ],
)
def test_read_folders(path: str, expected: Folder) -> None:
    assert read_folders([path], tuple(EYES)) == {path: expected}


def test_short_visits_are_read_where_all_folders_beside_them_are_visits() -> None:
    assert {found.visit for found in read_folders(["2019", "2020"], tuple(EYES)).values()} == {"2019", "2020"}
    assert {found.visit for found in read_folders(["2019", "cameras"], tuple(EYES)).values()} == {""}


def test_a_name_is_compared_without_the_words_of_copies() -> None:
    found = read_folders(["site", "site/augmented", "site/left"], tuple(EYES))
    assert found["site"].name("x") == found["site/augmented"].name("x") != found["site/left"].name("x")
