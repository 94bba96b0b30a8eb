"""What `retina data check` found, as tables on the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from retina_data.gate import plain
from retina_data.grades import GRADE_NAMES

PLACES = 4  # of files, where their names are not given

NAMED = 10  # images or groups of a finding; the page and --json name them all


def print_audit(console: Console, report: dict[str, Any]) -> None:
    """The verdict, what becomes of each file, counts by part and grade, and the findings, the worst first."""
    console.print(report["verdict"]["text"], counts(report), markup=False)
    for line in report["notes"]:
        console.print(line, markup=False)
    console.print(_files(report))
    console.print(_grades(report))
    console.print("majority: share of the majority class, grade " + str(report["majority_grade"]))
    console.print(", ".join(f"{grade}: {name}" for grade, name in enumerate(GRADE_NAMES)), markup=False)
    console.print(f"patients: {report['patients']['all']:,}, of them in both splits: {report['patients']['in_both']:,}")
    console.print("eyes: " + ", ".join(f"{eye} {n:,}" for eye, n in report["eyes"].items()))
    for line in baselines(report):
        console.print(line, markup=False)
    for line in images(report):
        console.print(line, markup=False)
    console.print(_findings(report))


def counts(report: dict[str, Any]) -> str:
    """Images used and left out, and patients, as a sentence."""
    one = report["verdict"]
    return f"Images used: {one['used']:,}, left out: {one['unused']:,}; patients: {one['patients']:,}."


def fates(report: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Of each thing that becomes of files: how many, what it is, and the folders and extensions with most of them."""
    rows = []
    for fate, files in report["fates"].items():
        places = Counter((file.rpartition("/")[0], PurePath(file).suffix.lower()) for file in files)
        if len(files) <= PLACES:
            where = list(files)
        else:
            where = [f"{folder or '.'}/ {n:,} {kind or 'files'}" for (folder, kind), n in places.most_common(PLACES)]
        rest = max(0, len(places) - PLACES) if len(files) > PLACES else 0
        rows.append((len(files), fate, ", ".join(where) + (f" and {rest:,} more folders" if rest else "")))
    return rows


def baselines(report: dict[str, Any]) -> list[str]:
    """Lines about answers that look at no image."""
    lines = []
    fellow = report.get("fellow_copy")
    if fellow:
        lines.append(f"test eyes whose fellow eye is in train: {report['test_fellow_in_train']:,} of {fellow['n']:,}")
        kappa = "undefined" if fellow["kappa"] is None else f"{fellow['kappa']:.5f}"
        lines.append(
            f"copying the fellow eye's training grade, else 0: accuracy {fellow['accuracy']:.5f}, "
            f"kappa {kappa} (n {fellow['n']:,}), without looking at one image"
        )
    model = report.get("content", {}).get("size_only_baseline")
    if model:
        kappa = "undefined" if model["kappa"] is None else f"{model['kappa']:.3f}"
        lines.append(
            f"image size and file size alone: accuracy {model['accuracy']:.3f}, kappa {kappa} on {model['asked']} "
            f"(n {model['n']:,})"
        )
    return lines


def images(report: dict[str, Any]) -> list[str]:
    """Lines about sizes and fields of view; none where no image was looked at."""
    content = report.get("content")
    if not content or not content["read"]:
        return []
    sizes = [f"{one['width']}x{one['height']} ({one['images']:,})" for one in content["sizes"][:5]]
    more = len(content["sizes"]) - len(sizes)
    aspects = [f"{aspect} ({n:,})" for aspect, n in list(content["aspects"].items())[:5]]
    return [
        f"sizes in pixels: {', '.join(sizes)}{f' and {more:,} more' if more > 0 else ''}; "
        f"width / height: {', '.join(aspects)}{' ...' if len(content['aspects']) > 5 else ''}",
        f"bytes of a file: {content['bytes']['min']:,} to {content['bytes']['max']:,}, "
        f"median {content['bytes']['median']:,}",
        f"the field of view was found in {content['fov_found']:,} of {content['read']:,} images",
    ]


def named(finding: dict[str, Any]) -> list[str]:
    """What a finding of the report names, one text for each image or group of images, with its reason if it has one."""
    groups = [" = ".join(group) for group in finding["names"]]
    reasons = finding["reasons"] or [""] * len(groups)
    return [f"{group} ({why})" if why else group for group, why in zip(groups, reasons, strict=True)]


def _grades(report: dict[str, Any]) -> Table:
    table = Table("part", "images", *[f"grade {grade}" for grade in range(len(GRADE_NAMES))], "majority")
    for split, count in report["images"].items():
        if count:
            grades = [str(number) for number in report["grades"][split]]
            table.add_row(split, f"{count:,}", *grades, f"{report['majority'][split]:.5f}")
    return table


def _files(report: dict[str, Any]) -> Table:
    table = Table("files", "what becomes of them", "where")
    for count, fate, where in fates(report):
        table.add_row(f"{count:,}", fate, as_it_is(where))
    return table


def _findings(report: dict[str, Any]) -> Table:
    table = Table("", "finding", "what it says", show_lines=True)
    for finding in report["findings"]:
        listed = named(finding)
        rest = len(listed) - NAMED
        names = ", ".join(listed[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
        texts = (finding["severity"], finding["kind"], finding["text"] + (f"\n{names}" if names else ""))
        table.add_row(*(as_it_is(text) for text in texts))
    return table


def as_it_is(text: str) -> Text:
    """Text that a table shows as it is, on any console: names come from other people's files."""
    return Text(plain(text, lines=True))
