"""retina_data.layouts.label_files: lines, tables, names and grades, each refused in one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.label_files import (
    ReadOptions,
    checked_name,
    clipped,
    plain,
    read_lines,
    read_table,
    some,
    stem_of,
)


def test_lines_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_bytes('\ufeff a \r\n"b"\r\nc'.encode())
    assert read_lines(file) == ["a", "b", "c"]
    file.write_bytes(b"")
    assert read_lines(file) == []
    with pytest.raises(DataError, match="must be readable"):
        read_lines(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\nx,1\ny,2\n",
        b"a;b\r\nx;1\r\ny;2",
        b"a\tb\rx\t1\ry\t2\r",
        "\ufeffa,b,,\nx,1,,\n\ny,2,,\n,,,\n".encode(),
        b'"a", "b"\n"x", 1\ny,"2"\n',
        "a\tb\nx\t1\ny\t2\n".encode("utf-16"),
    ],
)
def test_table_is_read_however_it_was_saved(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    table = read_table(tmp_path / "t.csv", "t.csv")
    assert [column for column in table.columns if column] == ["a", "b"]
    assert [fields[:2] for _, fields in table.rows] == [["x", "1"], ["y", "2"]]
    assert table.column("B") == 1 and table.column("nothing", "a_") == 0 and table.column("c") is None


def test_table_names_the_line_of_each_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n\nx,1\n\n\ny,2\n")
    assert [line for line, _ in read_table(tmp_path / "t.csv", "t.csv").rows] == [3, 6]


def test_text_file_has_blanks_between_its_fields(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.jpg 0\nb.jpg 4\n")
    table = read_table(tmp_path / "train.txt", "train.txt")
    assert table.columns == ("a.jpg", "0") and table.rows == [(2, ["b.jpg", "4"])]


def test_a_table_that_is_none_is_refused_without_being_printed(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "x" * 12_000)
    with pytest.raises(DataError, match="at most 10,000 characters, but .*t.csv, line 2 has 12,000") as caught:
        read_table(file, "t.csv")
    assert "xxx" not in str(caught.value)
    file.write_text('a,b\n"x,1\ny,2\n')
    with pytest.raises(DataError, match="ends in line 3 of .*a quote is not closed"):
        read_table(file, "t.csv")
    file.write_bytes(b"a,b\nx,1\n\xff,2\n")
    with pytest.raises(DataError, match="UTF-8.*line 3"):
        read_table(file, "t.csv")


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a\\b", "a\0b", "C:a", ".."])
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="file, line 3"):
        checked_name(name, "file, line 3")


def test_plain_names_pass() -> None:
    assert checked_name("sub/12_left.v2", "") == "sub/12_left.v2"
    assert stem_of("a.b.JPEG") == "a.b" and stem_of("a.v2") == "a.v2" and stem_of("a/.png") == "a/.png"


def test_ten_are_named_and_the_others_counted() -> None:
    assert some([str(n) for n in range(12)]).endswith("9 and 2 more") and some(["a"]) == "a"


def test_spellings_are_compared_by_letters_and_digits() -> None:
    assert plain("No DR") == plain("no-dr") == plain("NO_DR") == "nodr"
    assert clipped("x" * 200) == f"'{'x' * 77}...'"


def test_options_are_flags_of_the_command() -> None:
    options = ReadOptions(labels="a b.csv", image_column="id", grades={"PDR": 4, "bad": None}, allow_unused=True)
    assert options.flags() == [
        "--labels=a b.csv", "--image-column=id", "--grade=PDR=4", "--grade=bad=none", "--allow-unused"
    ]  # fmt: skip
    assert ReadOptions().flags() == []


def test_a_table_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("image,level\na,0\n")
    first = read_table(file, "a.csv")
    first.rows.clear()
    assert read_table(file, "again.csv").rows == [(2, ["a", "0"])]
    file.write_text("image,level\na,1\n")
    assert read_table(file, "a.csv").rows == [(2, ["a", "1"])]
