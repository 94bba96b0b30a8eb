"""retina_data.layouts.eye_pairs: a list of pairs of eyes gives the patients."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.eye_pairs import with_pairs
from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import Entry, ReadOptions

ENTRIES = [Entry(f"{name}.png", 0, "", "") for name in "abcde"]


def pairs(folder: Path, text: str, entries: list[Entry] = ENTRIES, **options: str) -> list[tuple[str, str]]:
    """Patients and eyes with a list of pairs."""
    (folder / "pairs.csv").write_text(text)
    found, read = with_pairs(scan(folder), entries, ["labels.csv"], ReadOptions(**options))
    assert read == (["pairs.csv"] if found != entries else [])
    return [(one.patient, one.eye) for one in found]


def test_the_images_of_a_line_are_one_patients(tmp_path: Path) -> None:
    expected = [("a", "left"), ("a", "right"), ("d", "right"), ("d", "left"), ("", "")]
    assert pairs(tmp_path, "left;right\na.png;b.png\nd.png;c.png\nx;y\n") == expected
    assert pairs(tmp_path, "OD,OS\nb,a\n,d\nc\n") == [
        ("b", "left"),
        ("b", "right"),
        ("c", "right"),
        ("d", "left"),
        ("", ""),
    ]


@pytest.mark.parametrize(
    "text",
    ["first,second\na,b\n", "left,right\n0,1\n", "left,right\na,b\na,c\n", "left,right,left_level\na,b,0\n", ""],
)
def test_other_files_give_none(tmp_path: Path, text: str) -> None:
    assert pairs(tmp_path, text) == [("", "")] * 5


def test_nothing_is_read_where_patients_are_said_or_names_are_not_distinct(tmp_path: Path) -> None:
    text = "left,right\na,b\n"
    assert pairs(tmp_path, text, [Entry("a", 0, "", "", "p")]) == [("p", "")]
    assert pairs(tmp_path, text, [Entry("a", 0, "train", ""), Entry("a", 0, "test", "")]) == [("", "")] * 2
    assert pairs(tmp_path, text, patient_pattern="(?P<patient>.)") == [("", "")] * 5
