"""retina_data.cache.keys: what changes the name of a cache, and what does not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd

from retina_data.cache.keys import digest_of, fingerprint_of, folder_name, request_of
from retina_data.images.decode import ImageSpec
from retina_data.layouts.dataset import DataSet

FORM = ImageSpec(64, "fov", "none", "circle")
TABLE = pd.DataFrame(
    {
        "image": ["1_left", "2_left"], "patient": [0, 1], "grade": [0, 3], "split": ["train", "test"],
        "path": ["a/1.png", "a/2.png"], "sha256": ["c0", "ff"],
    }
)  # fmt: skip


def test_a_digest_is_of_content_and_not_of_places() -> None:
    expected = hashlib.sha256(b"1_left\t0\ttrain\tc0\n2_left\t3\ttest\tff\n").hexdigest()
    assert digest_of(TABLE, False) == digest_of(TABLE.assign(path="elsewhere"), False) == expected
    changes = ({"image": ["9_left", "2_left"]}, {"grade": [1, 3]}, {"split": "train"}, {"sha256": ["c0", "fe"]})
    assert len({digest_of(TABLE.assign(**change), False) for change in changes} | {expected}) == 5


def test_patients_count_where_the_label_file_tells_them() -> None:
    same = TABLE.assign(patient=[0, 0])
    assert digest_of(TABLE, False) == digest_of(same, False)
    assert len({digest_of(TABLE, False), digest_of(TABLE, True), digest_of(same, True)}) == 3
    data = DataSet(Path("a"), "kaggle", TABLE, (), False)
    given, merged = replace(data, patients_given=True), replace(data, table=same, patients_given=True)
    assert len({fingerprint_of(one, ["s", "t"], FORM) for one in (data, given, merged)}) == 3


def test_an_unfinished_cache_is_known_by_what_was_asked_for_whatever_became_of_the_files() -> None:
    data = DataSet(Path("a"), "kaggle", TABLE, (), False)
    assert fingerprint_of(data, ["s", "t"], FORM) != fingerprint_of(data, ["s", "u"], FORM)
    assert request_of(TABLE, FORM) != request_of(TABLE, ImageSpec(32, "fov", "none"))
    assert folder_name("ab" * 32, FORM) == "abababababababab-64-fov"
    assert folder_name("ab" * 32, ImageSpec(64, "none", "graham")) == "abababababababab-64-none-graham"
    assert folder_name("ab" * 32, ImageSpec(64, "fov", "graham", "ellipse")) == "abababababababab-64-fov-ellipse-graham"
