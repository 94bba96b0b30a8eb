"""Report on a data set, image by image. It names images, so it is never recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from retina_data.audit.findings import Finding, Severity
from retina_data.audit.image_scan import MISSING, Content
from retina_data.audit.labels import DOUBTFUL_PATIENTS, NO_PATIENTS, SHARED_PATIENTS, TWO_CLASSES, audit
from retina_data.audit.repeats import placeholder_findings, repeated
from retina_data.audit.size_baseline import size_only_baseline
from retina_data.duplicates import merged_groups
from retina_data.errors import DataError
from retina_data.images.field_of_view import shape_note, shape_of_all
from retina_data.images.quality import BLACK, BLOWN_OUT, DARK, LOST, SEVERAL, SMALL, TINY, WHITE
from retina_data.layouts.advice.missing import advice_on_missing
from retina_data.layouts.dataset import DataSet
from retina_data.layouts.inventory import Fates
from retina_data.layouts.patients.signs import Sign
from retina_data.splits import assign_splits

SERIOUS = ("fellow eyes", NO_PATIENTS, SHARED_PATIENTS, TWO_CLASSES)
"""Kinds of the audit's findings after which a score may be too good."""

WORST = 10


def check(dataset: DataSet, content: Content | None) -> tuple[dict[str, Any], list[Finding]]:
    """All that is known of a data set as JSON values, and its findings, the worst first.

    The report is `audit`'s, its findings with severity and names, and under `content` sizes,
    fields of view and the size-only baseline.
    """
    report = audit(dataset)
    found = [
        Finding(one["kind"], "warning" if one["kind"] in SERIOUS else "note", one["text"], (), one["count"])
        for one in report["findings"]
        if one["kind"] != DOUBTFUL_PATIENTS
    ]
    found += [
        Finding(DOUBTFUL_PATIENTS, "error", _with_examples(sign), (), sign.counts["images"]) for sign in dataset.signs
    ]
    allowed = dataset.options.allow_unused
    found += [
        Finding(one.kind, "warning" if allowed or one.only_warns else "error", one.text, (), one.count)
        for one in dataset.refusals
    ]
    if content is not None:
        table = dataset.table.join(content.table)
        readable = table[table["error"] == ""]
        found += _files(table, dataset.fates) + placeholder_findings(readable) + _pictures(readable)
        found += repeated(readable, content) + _overlap(table)
        report["content"] = _content(readable)
        found += _sizes(report["content"])
    order = {"error": 0, "warning": 1, "note": 2}
    found.sort(key=lambda one: order[one.severity])
    names = dataset.table["image"]
    report["findings"] = [
        {
            "kind": one.kind,
            "severity": one.severity,
            "count": one.count,
            "text": one.text,
            "names": [[str(names[row]) for row in group] for group in one.rows],
            "reasons": list(one.reasons),
        }
        for one in found
    ]
    report["fates"] = {str(fate): list(files) for fate, files in dataset.fates.items()}
    report["verdict"] = _verdict(report, dataset.inventory.unused_pictures)
    return report, found


def _verdict(report: dict[str, Any], unused_pictures: int) -> dict[str, Any]:
    """What the findings come to, in a sentence, and the counts of images and patients."""
    counts = {kind: sum(one["severity"] == kind for one in report["findings"]) for kind in ("error", "warning")}
    counted = {kind: f"{n} {kind}{'s' if n != 1 else ''}" for kind, n in counts.items()}
    severity: Severity = "error" if counts["error"] else "warning" if counts["warning"] else "note"
    if counts["error"]:
        text = f"Not fit to train on: {counted['error']} to mend first, and {counted['warning']}."
    elif report["labels_only"]:
        severity, text = (
            "note",
            "Not fit to train on yet: only the labels are here, nothing is known of the photographs.",
        )
    elif counts["warning"]:
        text = f"Fit to train on, with {counted['warning']} to know before a score is believed."
    else:
        text = "Fit to train on: nothing was found that makes training or a score wrong."
    used = 0 if report["labels_only"] else report.get("content", {}).get("read", sum(report["images"].values()))
    return {
        "severity": severity,
        "text": text,
        "used": used,
        "unused": unused_pictures,
        "patients": report["patients"]["all"],
    }


def _with_examples(sign: Sign) -> str:
    examples = f" (such as {', '.join(sign.examples)})" if sign.examples else ""
    return f"{sign.sentence}{examples}; {sign.remedy}"


def _each(table: pd.DataFrame) -> tuple[tuple[int, ...], ...]:
    return tuple((int(row),) for row in table.index)


def _files(table: pd.DataFrame, fates: Fates) -> list[Finding]:
    missing = table[table["error"] == MISSING]
    unreadable = table[(table["error"] != "") & (table["error"] != MISSING)]
    found = []
    if len(missing):
        advice = advice_on_missing(fates, missing["image"].tolist())
        text = f"not there: {len(missing):,} of {len(table):,} listed images; {advice}"
        found.append(Finding("missing", "error", text, _each(missing)))
    if len(unreadable):
        reasons = ", ".join(f"{reason} ({n})" for reason, n in unreadable["error"].value_counts().head(5).items())
        text = (
            f"cannot be read: {len(unreadable):,} images ({reasons}); replace them, or leave them out by `retina data "
            "prepare DATA --on-error skip`, with the study's image size, crop and colour"
        )
        found.append(Finding("unreadable", "error", text, _each(unreadable), reasons=tuple(unreadable["error"])))
    return found


def _pictures(readable: pd.DataFrame) -> list[Finding]:
    """Images that can be read, and show little."""
    black = readable["light"] < DARK
    white = readable["white"] > BLOWN_OUT
    tiny = readable[["width", "height"]].min(axis=1) < TINY
    lost = ~readable["fov_found"] & ~black & ~white
    found = _field_of_view(readable)
    each: tuple[tuple[str, pd.Series[bool], str], ...] = (
        ("black", black, BLACK),
        ("blown out", white, WHITE),
        ("tiny", tiny, SMALL),
        ("several pages", readable["pages"] > 1, SEVERAL),
        ("no field of view", lost, f"{LOST}, so the whole frame is used"),
    )
    return found + [
        Finding(kind, "warning", f"{text}: {int(chosen.sum()):,} of {len(readable):,} images", _each(readable[chosen]))
        for kind, chosen, text in each
        if chosen.any()
    ]


def _field_of_view(readable: pd.DataFrame) -> list[Finding]:
    """The decision that `prepare` makes for all photographs, where it is no circle."""
    shape = shape_of_all(readable["fov_outline"])
    text = shape_note(shape, int(readable["fov_found"].sum()), len(readable))
    oval = readable[readable["fov_outline"] == "ellipse"]
    return [Finding("field of view", "note" if shape == "ellipse" else "warning", text, _each(oval))] if text else []


def _overlap(table: pd.DataFrame) -> list[Finding]:
    """Whether the split that a study would make keeps patients and equal images apart: a check of our own work."""
    contents = table["sha256"].where(table["error"] == "", "row " + table["row"].astype(str))
    grouped = table.assign(group=merged_groups(table["patient"], contents))
    try:
        splits = assign_splits(grouped)
    except DataError as error:
        return [Finding("no split", "error", f"a study could not split these images: {error}")]
    counts = {split: int((splits == split).sum()) for split in ("train", "val")}
    if min(counts.values()) < 2:
        text = f"a study needs 2 images in train and 2 in val, but got {counts['train']} and {counts['val']}"
        return [Finding("no split", "error", f"{text}; divide the files anew")]
    ours = ["train", "val"] if (table["split"] == "test").any() else ["train", "val", "test"]
    chosen = splits.isin(ours) & (table["split"] == "train")
    sides = splits[chosen].groupby(grouped["group"][chosen]).nunique()
    divided = sides.index[sides > 1]
    if not len(divided):
        return []
    rows = tuple(tuple(int(row) for row in grouped.index[(grouped["group"] == g) & chosen]) for g in divided)
    return [Finding("overlap", "error", f"patients on both sides of the split: {len(divided):,}", rows)]


def _content(readable: pd.DataFrame) -> dict[str, Any]:
    """Sizes, aspect ratios, fields of view, and what sizes alone tell."""
    sizes = readable.groupby(["width", "height"]).size().reset_index(name="images").sort_values("images")[::-1]
    aspects = (readable["width"] / readable["height"]).round(2).value_counts()
    worst = readable[readable["fov_found"]].sort_values("fov_support", kind="stable").head(WORST)
    return {
        "read": len(readable),
        "sizes": [{str(k): int(v) for k, v in one.items()} for one in sizes.to_dict("records")],
        "aspects": {f"{aspect:.2f}": int(n) for aspect, n in aspects.items()},
        "bytes": {name: int(readable["bytes"].agg(name)) for name in ("min", "median", "max")} if len(readable) else {},
        "fov_found": int(readable["fov_found"].sum()),
        "lowest_fov_support": [
            {"row": int(row), "image": image, "support": round(float(support), 4)}
            for row, image, support in zip(worst.index, worst["image"], worst["fov_support"], strict=True)
        ],
        "size_only_baseline": size_only_baseline(readable) if len(readable) > 1 else None,
    }


def _sizes(content: dict[str, Any]) -> list[Finding]:
    model = content["size_only_baseline"]
    if not model or model["kappa"] is None:
        return []
    noise = 2 / np.sqrt(model["n"])  # about two standard deviations of kappa where nothing is known
    leaks = model["kappa"] > max(0.05, noise)
    text = (
        f"a model on image size and file size alone has kappa {model['kappa']:.3f} and accuracy "
        f"{model['accuracy']:.3f} on {model['asked']} (n {model['n']:,})"
    )
    more = ", more than noise has: they say something of the grade, and a network may learn the camera, not the eye"
    text += more if leaks else ""
    return [Finding("sizes tell", "warning" if leaks else "note", text)]
