"""retina_data.layouts.refusals: what is left out with its grades is refused, and advice looks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.layouts.folder_tree import scan, tree_of
from retina_data.layouts.inventory import fates_of
from retina_data.layouts.label_files import ReadOptions
from retina_data.layouts.refusals import advice_on_missing, refusals, unrecognised
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


def test_unrecognised_folder_is_described(tmp_path: Path) -> None:
    build(tmp_path, {"a.dcm": "DICM", "b.dcm": "DICM", "c.tar.gz": b""})
    tree = scan(tmp_path)
    assert unrecognised(tree) == "no picture lies there; 2 files .dcm, which is not read; 1 file .gz, which is not read"
