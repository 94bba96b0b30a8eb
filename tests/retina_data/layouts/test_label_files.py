"""retina_data.layouts.label_files: lines, names and grades, each refused in one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.label_files import (
    checked_grade,
    checked_name,
    read_lines,
    some,
    stem_of,
    two_columns,
)


def test_lines_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_bytes('\ufeff a \r\n"b"\r\nc'.encode())
    assert read_lines(file) == ["a", "b", "c"]
    file.write_bytes(b"")
    assert read_lines(file) == []
    with pytest.raises(DataError, match="must be readable"):
        read_lines(tmp_path)


def test_two_columns_need_their_header_and_two_fields(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text('"id_code","diagnosis"\n"a1","3"\nb2,0\n')
    assert [(e.image, e.grade, e.split, e.place) for e in two_columns(file, ("id_code", "diagnosis"))] == [
        ("a1", 3, "train", "train.csv, line 2"),
        ("b2", 0, "train", "train.csv, line 3"),
    ]
    with pytest.raises(DataError, match="header `image,level`.*line 1"):
        list(two_columns(file, ("image", "level")))
    file.write_text("id_code,diagnosis\na,1,2\n")
    with pytest.raises(DataError, match="line 2"):
        list(two_columns(file, ("id_code", "diagnosis")))


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a\\b", "a\0b", "C:a", ".."])
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="file, line 3"):
        checked_name(name, "file, line 3")


def test_plain_names_and_grades_pass() -> None:
    assert checked_name("sub/12_left.v2", "") == "sub/12_left.v2" and checked_grade("4", "") == 4
    for text in ("5", "-1", "1.0", "", "\u0661"):
        with pytest.raises(DataError, match="0, 1, 2, 3 or 4"):
            checked_grade(text, "here")
    assert stem_of("a.b.JPEG") == "a.b" and stem_of("a.v2") == "a.v2"


def test_ten_are_named_and_the_others_counted() -> None:
    assert some([str(n) for n in range(12)]).endswith("9 and 2 more") and some(["a"]) == "a"
