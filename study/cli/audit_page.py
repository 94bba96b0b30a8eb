"""What `retina data check` found, as one HTML page with pictures. It names images: for the one who holds the data."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from retina_data.audit.findings import Finding
from retina_data.audit.image_scan import MISSING, pictures
from retina_data.files import write_whole
from retina_data.gate import plain
from retina_data.grades import GRADE_NAMES
from retina_data.layouts.dataset import DataSet
from study.cli.audit_tables import baselines, counts, fates, images, named

SIDE = 320  # of a picture, pixels

EXAMPLES = 6  # pictures of a finding

PICTURES = 3  # of a group


def write_page(path: Path, dataset: DataSet, report: dict[str, Any], issues: list[Finding]) -> None:
    """Write the page whole or not at all; its folder is made. Pictures are in it, nothing is loaded from elsewhere."""
    chosen = [_examples(finding) for finding in issues]
    fields = report.get("content", {}).get("lowest_fov_support", [])
    rows = {row for groups in chosen for group in groups for row in group} | {one["row"] for one in fields}
    drawn = pictures(dataset, rows, SIDE) if rows else {}
    reasons = {group[0]: why for one in issues for group, why in zip(one.rows, one.reasons, strict=False)}
    table = dataset.table

    def figure(row: int, beside: str = "") -> dict[str, str]:
        about = f"{table['split'][row]}, grade {table['grade'][row]}" + (f", {beside}" if beside else "")
        lost = reasons.get(row, MISSING)
        return {"name": str(table["image"][row]), "about": about, "picture": _data(drawn.get(row)), "lost": lost}

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("study.cli", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: plain(value, lines=True) if type(value) is str else value,
    )
    page = environment.get_template("audit_page.html.jinja").render(
        title=dataset.folder.name,
        report=report,
        counts=counts(report),
        lines=[*images(report), *baselines(report)],
        fates=fates(report),
        grade_names=GRADE_NAMES,
        issues=[
            {
                **issue,
                "listed": named(issue),
                "examples": [[figure(row) for row in group] for group in groups],
                "shown": sum(map(len, groups)),
            }
            for issue, groups in zip(report["findings"], chosen, strict=True)
        ],
        fields=[figure(one["row"], f"{one['support']:.1%} of the edge") for one in fields],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode("utf-8", "replace"))


def _examples(finding: Finding) -> list[list[int]]:
    """Rows of the first groups, as many as there is room for."""
    groups: list[list[int]] = []
    for group in finding.rows:
        some = list(group[:PICTURES])
        if sum(map(len, groups)) + len(some) > EXAMPLES:
            break
        groups.append(some)
    return groups


def _data(picture: Image.Image | None) -> str:
    """A data: address of a picture, "" where there is none."""
    if picture is None:
        return ""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
