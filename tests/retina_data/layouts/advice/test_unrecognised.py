"""retina_data.layouts.advice.unrecognised: a folder of no known layout is described."""

from __future__ import annotations

from pathlib import Path

from retina_data.layouts.advice.unrecognised import unrecognised
from retina_data.layouts.folder_tree import scan
from tests.retina_data.as_people_have_them.builder import build


def test_folders_that_may_be_grades_are_named(tmp_path: Path) -> None:
    build(tmp_path, {f"train/{name}/p{n}/x.png": None for n, name in enumerate(("Sano", "Leve", "Severo"))})
    assert "the folders 'Leve', 'Sano', 'Severo' may be grades: say what each means" in unrecognised(scan(tmp_path))


def test_folders_that_are_numbers_of_patients_are_not(tmp_path: Path) -> None:
    build(tmp_path, {f"P{n}/x.png": None for n in range(5)})
    assert unrecognised(scan(tmp_path)) == "5 pictures lie there (`P0/x.png`, `P1/x.png`)"


def test_unrecognised_folder_is_described(tmp_path: Path) -> None:
    build(tmp_path, {"a.dcm": "DICM", "b.dcm": "DICM", "c.tar.gz": b""})
    tree = scan(tmp_path)
    assert unrecognised(tree) == "no picture lies there; 2 files .dcm, which is not read; 1 file .gz, which is not read"
