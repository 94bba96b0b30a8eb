"""Grades are written once: every other module imports them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from analysis import schema
from retina_data import grades

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for name in ("analysis", "retina_data", "study") for path in (ROOT / name).rglob("*.py"))


def test_grades_have_names_and_columns() -> None:
    assert len(grades.GRADES) == len(grades.GRADE_NAMES) == len(grades.PROBABILITIES) == 5
    assert grades.PROBABILITIES == ("p0", "p1", "p2", "p3", "p4")
    assert (schema.GRADES, schema.GRADE_NAMES) == (grades.GRADES, grades.GRADE_NAMES)


def test_grades_need_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "retina_data" / "grades.py").read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {str(name).split(".")[0] for name in found} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_grades_are_assigned_nowhere_else(path: Path) -> None:
    assigned = {
        name.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign)
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    own = {"GRADES", "GRADE_NAMES", "REFERABLE_FROM", "PROBABILITIES"}
    assert path.name == "grades.py" or not assigned & own
    assert path.name == "grades.py" or 'f"p{grade}" for grade in' not in path.read_text()
