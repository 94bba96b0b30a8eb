"""Photographs that stand in a data set more than once: equal, nearly equal, or one for many patients."""

from __future__ import annotations

from typing import Any

import pandas as pd

from retina_data.audit.findings import Finding
from retina_data.audit.image_scan import Content
from retina_data.audit.labels import DOUBTFUL_PATIENTS
from retina_data.duplicates import near_groups
from retina_data.layouts.patients.signs import placeholders, shared_photographs

NEAR = 24  # bits of 512: a photograph saved again differs in up to 20, another one in 35 or more

FLAT = 64  # bits


def placeholder_findings(readable: pd.DataFrame) -> list[Finding]:
    """One photograph for many patients, with the images that it stands for."""
    patients, digests = readable["patient"].astype(str), readable["sha256"].tolist()
    rows = tuple(
        tuple(int(row) for row in readable.index[readable["sha256"] == digest])
        for digest in shared_photographs(patients, digests)
    )
    return [
        Finding(DOUBTFUL_PATIENTS, "error", f"{sign.sentence}; {sign.remedy}", rows)
        for sign in placeholders(patients, digests)
    ]


def repeated(readable: pd.DataFrame, content: Content) -> list[Finding]:
    """Byte-equal images, and such as are nearly the same picture."""
    found = []
    equal = _groups(readable, readable["sha256"])
    inside = [group for group in equal if len({readable["split"][row] for row in group}) == 1]
    across = [group for group in equal if group not in inside]
    if inside:
        text = f"groups of byte-equal images within a split: {len(inside):,}; a split keeps each on one side"
        found.append(Finding("duplicates", "warning", text, tuple(inside)))
    if across:
        text = f"groups of byte-equal images across splits: {len(across):,}; training leaves them out"
        found.append(Finding("duplicates across splits", "warning", text, tuple(across)))
    found += _contradictions("duplicates, grades differ", "byte-equal images", equal, readable)
    patterned = readable[content.bits[readable.index].sum(axis=1) >= FLAT]  # plain pictures are all alike
    patterned = patterned.drop_duplicates("sha256")
    near = _groups(patterned, pd.Series(near_groups(content.bits[patterned.index], NEAR), index=patterned.index))
    if near:
        crossing = sum(len({readable["split"][row] for row in group}) > 1 for group in near)
        text = f"groups of nearly the same picture: {len(near):,}, across splits: {crossing:,}; look at them"
        found.append(Finding("near-duplicates", "warning", text, tuple(near)))
        found += _contradictions("near-duplicates, grades differ", "nearly the same picture", near, readable)
    return found


def _contradictions(kind: str, what: str, groups: list[tuple[int, ...]], table: pd.DataFrame) -> list[Finding]:
    odd = tuple(group for group in groups if len({table["grade"][row] for row in group}) > 1)
    return [Finding(kind, "warning", f"groups of {what} with different grades: {len(odd):,}", odd)] if odd else []


def _groups(table: pd.DataFrame, keys: pd.Series[Any]) -> list[tuple[int, ...]]:
    """Rows with the same key, where there are several."""
    several = table[keys.duplicated(keep=False)]
    return [tuple(int(row) for row in group) for group in several.groupby(keys, sort=False).groups.values()]
