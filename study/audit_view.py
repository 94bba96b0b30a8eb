"""An audit as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.records import GRADE_NAMES


def print_audit(console: Console, report: dict[str, Any]) -> None:
    """Counts by part and grade, what needs no image, then what was noticed."""
    for note in report["notes"]:
        console.print(note, markup=False)
    table = Table("part", "images", *[f"grade {grade}" for grade in range(len(GRADE_NAMES))], "majority")
    for part, count in report["images"].items():
        if count:
            grades = [str(number) for number in report["grades"][part]]
            table.add_row(part, f"{count:,}", *grades, f"{report['majority'][part]:.5f}")
    console.print(table)
    console.print("majority: share of the majority class, grade " + str(report["majority_grade"]))
    console.print(", ".join(f"{grade}: {name}" for grade, name in enumerate(GRADE_NAMES)), markup=False)
    console.print(f"patients: {report['patients']['all']:,}, of them in both parts: {report['patients']['in_both']:,}")
    fellow = report.get("fellow_copy")
    if fellow:
        console.print(f"test eyes whose fellow eye is in train: {report['test_fellow_in_train']:,} of {fellow['n']:,}")
        console.print(
            f"copying the fellow eye's training grade, else 0: accuracy {fellow['accuracy']:.5f}, "
            f"kappa {fellow['kappa']:.5f} (n {fellow['n']:,}), without looking at one image"
        )
    for finding in report["findings"]:
        console.print(f"- {finding['kind']}: {finding['text']}", markup=False)
