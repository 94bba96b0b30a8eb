"""What `retina data check` found, as one HTML page with pictures. It names images: for the one who holds the data."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from analysis.records import GRADE_NAMES
from retina_data.checks import Finding
from retina_data.content import pictures
from retina_data.index import DataSet
from study.audit_view import baselines, images
from study.wholefile import write_whole

SIDE = 240  # of a picture, pixels
EXAMPLES = 2  # groups of a finding
PICTURES = 4  # of a group


def write_page(path: Path, dataset: DataSet, report: dict[str, Any], findings: list[Finding]) -> None:
    """Write the page whole or not at all; its folder is made. Pictures are in it, nothing is loaded from elsewhere."""
    chosen = [[list(group[:PICTURES]) for group in finding.rows[:EXAMPLES]] for finding in findings]
    discs = report.get("content", {}).get("worst_discs", [])
    rows = {row for groups in chosen for group in groups for row in group} | {one["row"] for one in discs}
    shown = pictures(dataset, rows, SIDE) if rows else {}
    table = dataset.table

    def figure(row: int, beside: str = "") -> dict[str, str]:
        about = f"{table['part'][row]}, grade {table['grade'][row]}" + (f", {beside}" if beside else "")
        return {"name": str(table["image"][row]), "about": about, "picture": _data(shown.get(row))}

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("study", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("audit_page.html.jinja").render(
        title=dataset.folder.name,
        report=report,
        lines=[*images(report), *baselines(report)],
        grade_names=GRADE_NAMES,
        findings=[
            {**told, "examples": [[figure(row) for row in group] for group in groups]}
            for told, groups in zip(report["findings"], chosen, strict=True)
        ],
        discs=[figure(one["row"], f"{one['support']:.1%} of the edge") for one in discs],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode("utf-8", "replace"))


def _data(picture: Image.Image | None) -> str:
    """A data: address of a picture, "" where there is none."""
    if picture is None:
        return ""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
