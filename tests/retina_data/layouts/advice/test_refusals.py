"""retina_data.layouts.advice.refusals: what is left out with its grades is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import refusals
from retina_data.layouts.dataset import read_index
from retina_data.layouts.label_files import ReadOptions
from tests.retina_data.as_people_have_them.builder import build, graded, names, pictures, table
from tests.retina_data.layouts.test_inventory import FATES, TREE


def test_unknown_folders_are_refused_whatever_the_layout() -> None:
    for options in (ReadOptions(), ReadOptions(layout="folders")):
        [one] = refusals(TREE, FATES, {"odd": ["odd/x.png"]}, {"train"}, options, "folders")
        assert one.kind == "unknown grade folder" and one.count == 1 and "`odd`" in one.text and "'odd=?'" in one.text


def test_what_is_refused_is_an_error_unless_it_is_allowed(tmp_path: Path) -> None:
    build(tmp_path, {**graded("{folder}/{name}.png", "01234"), "9/z.png": None})
    with pytest.raises(DataError, match="must not be left out in silence, but 1 folder .*--allow-unused"):
        read_index(tmp_path)
    data = read_index(tmp_path, ReadOptions(allow_unused=True))
    assert len(data.table) == 10 and [one.kind for one in data.refusals] == ["unknown grade folder"]
    assert data.notes == ("not used: 1 picture (1 in a folder whose name says no grade)",)


def test_a_label_file_of_a_split_is_looked_into_even_where_names_are_equal(tmp_path: Path) -> None:
    build(tmp_path, {
        "train.csv": table("id_code,diagnosis", names(5)), **pictures("train/{}.png", names(5)),
        "test.csv": table("nr,dr", names(5)), **pictures("test/{}.png", names(5)),
    })  # fmt: skip
    with pytest.raises(DataError, match="`test.csv` has grades of 5 pictures that are not used"):
        read_index(tmp_path)
    assert len(read_index(tmp_path, "aptos").table) == 5


def test_numbers_of_another_scale_and_words_that_are_not_there_are_a_line(tmp_path: Path) -> None:
    build(tmp_path, graded("{folder}/{name}.png", "1234"))
    data = read_index(tmp_path, ReadOptions(grades={"Leve": 1}))
    assert data.notes == ("doubtful scale of grades; see data check", "unknown word of --grade; see data check")
    assert all(one.only_warns for one in data.refusals) and len(data.refusals) == 2
    assert read_index(tmp_path, ReadOptions(grades={"1": 1})).notes == ()
