"""Audit of labels: counts, findings, and baselines that look at no image.

A score means nothing alone: beside it stand the majority class and, where both eyes of a patient stand on different
sides of the split, the fellow-eye copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from retina_data.grades import GRADES
from retina_data.kappa import confusion_matrix, quadratic_kappa
from retina_data.layouts.dataset import DataSet
from retina_data.layouts.patients.signs import Sign

NO_PATIENTS = "no patients"
SHARED_PATIENTS = "patients in two splits"
TWO_CLASSES = "two classes"
DOUBTFUL_PATIENTS = "doubtful patients"


def audit(dataset: DataSet) -> dict[str, Any]:
    """Counts, baselines and findings, as plain JSON values.

    `majority` is the share of the training list's most frequent grade in each split; `fellow_copy` scores, on the whole
    test split, "the grade of the fellow eye in train where there is one, else grade 0" (`copied` eyes have one).
    A finding is {"kind", "count", "text"}; none names a file or an image. Parts that are empty have counts of 0 and
    share None; "val" is there where the files name such a split.
    """
    table = dataset.table
    named = [split for split in ("train", "val", "test") if split != "val" or (table["split"] == "val").any()]
    splits = {split: table[table["split"] == split] for split in named}
    grades = {split: np.bincount(rows["grade"], minlength=len(GRADES)) for split, rows in splits.items()}
    common = int(np.argmax(grades["train"]))
    patients = {split: int(rows["patient"].nunique()) for split, rows in splits.items()}
    fellow = _fellow_grades(splits["train"], splits["test"])
    inventory = dataset.inventory
    report: dict[str, Any] = {
        "layout": dataset.layout,
        "labels_only": dataset.labels_only,
        "inventory": {"used": dict(inventory.used), "unused": dict(inventory.unused)},
        "images": {split: len(rows) for split, rows in splits.items()},
        "grades": {split: [int(n) for n in counts] for split, counts in grades.items()},
        "majority_grade": common,
        "majority": {p: float(n[common] / n.sum()) if n.sum() else None for p, n in grades.items()},
        "patients": {
            **patients,
            "all": int(table["patient"].nunique()),
            "in_both": int(splits["test"].drop_duplicates("patient")["patient"].isin(splits["train"]["patient"]).sum()),
            "one_image_only": int((table["patient"].value_counts() == 1).sum()),
        },
        "eyes": {eye or "unknown": int(n) for eye, n in table["eye"].value_counts().sort_index().items()},
        "patient_in_train": {
            split: int(rows["patient"].isin(splits["train"]["patient"]).sum())
            for split, rows in splits.items()
            if split != "train"
        },
        "test_fellow_in_train": int(fellow.notna().sum()),
        "fellow_copy": _fellow_copy(fellow, splits["test"]),
        "notes": list(dataset.notes),
    }
    return {**report, "findings": [*_findings(report, dataset), *patient_findings(dataset.signs)]}


def patient_findings(signs: Iterable[Sign]) -> list[dict[str, Any]]:
    """A finding for each sign that patients are wrong; names none of them."""
    return [
        {"kind": DOUBTFUL_PATIENTS, "count": sign.counts["images"], "text": f"{sign.sentence}; {sign.remedy}"}
        for sign in signs
    ]


def unused(table: pd.DataFrame, splits: pd.Series[str]) -> list[dict[str, Any]]:
    """Findings about the images that training leaves out: each that could not be read, by row and reason, and copies.

    table: row, error and what else a cache holds of each image. splits: of each row, "excluded" where it is not used.
    """
    broken = table[table["error"] != ""]
    copies = table["row"][(splits == "excluded") & (table["error"] == "")]
    found = []
    if len(broken):
        each = ", ".join(f"row {row}: {why}" for row, why in zip(broken["row"], broken["error"], strict=True))
        text = f"images that could not be read and were skipped when the data was prepared: {len(broken):,} ({each})"
        found.append({"kind": "skipped", "count": len(broken), "text": text})
    if len(copies):
        rows = ", ".join(str(row) for row in copies)
        text = (
            f"images left out of training, as they stand byte for byte in a split that is read later: {len(copies):,}"
        )
        found.append({"kind": "left out", "count": len(copies), "text": f"{text} (rows {rows})"})
    return found


def _fellow_grades(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series[float]:
    """For each test row the grade of the patient's other eye in train, nan where it is not there."""
    other = test["eye"].map({"left": "right", "right": "left"})
    known = train[train["eye"] != ""].drop_duplicates(["patient", "eye"]).set_index(["patient", "eye"])["grade"]
    keys = pd.MultiIndex.from_arrays([test["patient"], other], names=["patient", "eye"])
    return pd.Series(known.reindex(keys).to_numpy("float64"), index=test.index)


def _fellow_copy(fellow: pd.Series[float], test: pd.DataFrame) -> dict[str, Any] | None:
    copied = int(fellow.notna().sum())
    if not copied:
        return None
    answer = fellow.fillna(0).astype("int64")
    kappa = float(quadratic_kappa(confusion_matrix(test["grade"], answer)))
    return {
        "accuracy": float((answer == test["grade"]).mean()),
        "kappa": None if np.isnan(kappa) else kappa,
        "n": len(test),
        "copied": copied,
    }


def _findings(report: dict[str, Any], dataset: DataSet) -> list[dict[str, Any]]:
    """What a reader of a score on this data must know."""
    found: list[dict[str, Any]] = []

    def add(kind: str, count: int, text: str) -> None:
        found.append({"kind": kind, "count": count, "text": text})

    images, leaked = report["images"], report["test_fellow_in_train"]
    if report["labels_only"]:
        add("no images", sum(images.values()), "labels only: nothing can be said about the photographs")
    if leaked:
        add(
            "fellow eyes",
            leaked,
            f"{leaked:,} of {images['test']:,} test images have the patient's other eye in train; "
            f"{images['test'] - leaked:,} do not",
        )
    if not images["test"]:
        add("no test split", 0, "the files name no test split: 20 % of the patients are set aside before a search")
    for split, met in report["patient_in_train"].items():
        if met > (leaked if split == "test" else 0):
            text = f"{met:,} of {images[split]:,} {split} images are of patients who have an image in train too"
            add(SHARED_PATIENTS, met, f"{text}: as the files divide them, scores are optimistic")
    for split, counts in report["grades"].items():
        absent = [grade for grade, n in enumerate(counts) if n == 0]
        if split == "train" and absent == [2, 3, 4]:
            text = "no train image has grade 2, 3, 4: 0 and 1 alone look like not referable / referable, and not like"
            add(TWO_CLASSES, images[split], f"{text} grades of five")
        elif absent and images[split]:
            add("grades absent", len(absent), f"no {split} image has grade {', '.join(map(str, absent))}")
    if unknown := dataset.unknown_patients:
        add(
            NO_PATIENTS,
            unknown,
            f"names that tell no patient and eye: {unknown:,}; each is taken for its own patient, so that a patient "
            "with several images may stand on both sides of a split",
        )
    if ambiguous := dataset.ambiguous_patients:
        add(
            NO_PATIENTS,
            ambiguous,
            f"images whose patient is another one's by the name but for a folder, a few words or letters' case: "
            f"{ambiguous:,}; they are taken for different people: where that is a visit, a part or a copy, tell the "
            "patients by --patient-pattern REGEX, or in a column (--patient-column)",
        )
    single = report["patients"]["one_image_only"]
    if not unknown and single:
        add("single eyes", single, f"patients with one image only: {single:,}")
    return found
