"""Files that a spreadsheet, a page and LaTeX show as they are meant."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from analysis import table_files

HOSTILE = "<script>alert(1)</script> a|b [x](http://x.org) `c` *d* _e_ $f$ \\g {h} 50% & #1\n~i^j"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d"])
def test_text_that_a_spreadsheet_would_run_is_inert(start: str, tmp_path: Path) -> None:
    hostile = f"{start}HYPERLINK(1)"
    table = pd.DataFrame({"text": [hostile, "two\nlines"], "number": [-1.5, 2.0], hostile: [0, 1]})
    table_files.write_csv(tmp_path / "table.csv", table)
    inert = "'" + hostile.replace("\r", " ").replace("\t", " ")
    with open(tmp_path / "table.csv", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["text", "number", inert]
    assert first == [inert, "-1.5", "0"]
    assert second == ["two lines", "2.0", "1"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(TypeError):
        table_files.write_whole(target, "not bytes")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "old"


def test_markdown_shows_every_text_as_it_is() -> None:
    table = pd.DataFrame({"label": [HOSTILE], "p": ["< 0.001"]})
    lines = table_files.markdown(table, "Of a_b.").splitlines()
    assert lines[:2] == ["Of a\\_b.", ""]
    assert lines[3] == "| --- | ---: |"
    row = lines[4]
    assert "<" not in row
    assert row.replace("\\|", "").count("|") == 3
    assert "\\[x\\]" in row
    assert "\\`c\\`" in row
    assert "\\$f\\$" in row
    assert "http://" not in row  # an address is not made a link
    assert len(lines) == 5


def test_latex_shows_every_text_as_it_is() -> None:
    text = table_files.latex(pd.DataFrame({"label": [HOSTILE], "n": [1.5], "none": [None]}), "100 % & more", "a b/c")
    assert r"\caption{100 \% \& more}" in text
    assert r"\label{tab:a-b-c}" in text
    row = next(line for line in text.splitlines() if "script" in line)
    for wanted in (
        r"\textless{}script",
        r"\_e\_",
        r"\$f\$",
        r"\textbackslash{}g \{h\} 50\% \& \#1",
        r"\textasciitilde{}i",
    ):
        assert wanted in row
    assert row.endswith(r"& 1.5 &  \\")
    assert r"\begin{tabular}{lrl}" in text
    assert text.count("{") == text.count("}")


def test_an_empty_table_is_its_header() -> None:
    empty = pd.DataFrame(columns=["a", "b"])
    assert table_files.markdown(empty, "None.").splitlines()[2:] == ["| a | b |", "| --- | --- |"]
    assert r"a & b \\" in table_files.latex(empty, "None.", "x")
