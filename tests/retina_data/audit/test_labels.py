"""retina_data.audit.labels: the numbers of the lab's own split, and baselines that look at no image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import schema
from retina_data.audit.labels import DOUBTFUL_PATIENTS, NO_PATIENTS, SHARED_PATIENTS, TWO_CLASSES, audit, unused
from retina_data.layouts.dataset import read_index
from tests.retina_data.layouts.test_dataset import SHARED, needs_data, write_lab


@needs_data
def test_the_labs_split_gives_its_known_numbers() -> None:
    report = audit(read_index(SHARED / "lab_split"))
    assert report["images"] == {"train": 28097, "test": 7026}
    assert report["grades"] == {"train": [20655, 1954, 4209, 698, 581], "test": [5154, 488, 1082, 175, 127]}
    assert round(report["majority"]["test"], 5) == 0.73356
    assert report["test_fellow_in_train"] == 5618
    copy = report["fellow_copy"]
    assert (round(copy["accuracy"], 5), round(copy["kappa"], 5), copy["n"], copy["copied"]) == (
        0.84728,
        0.72299,
        7026,
        5618,
    )
    assert report["labels_only"] and "no images" in {finding["kind"] for finding in report["findings"]}


def test_a_small_split_is_counted_by_hand(tmp_path: Path) -> None:
    write_lab(tmp_path, "1_left\n2_left\n3_left\n3_right\n", "2\n0\n0\n0\n")
    (tmp_path / "test_img.csv").write_text("1_right\n2_right\n4_left\n")
    (tmp_path / "test_label.csv").write_text("2\n1\n0\n")
    report = audit(read_index(tmp_path))
    assert report["test_fellow_in_train"] == 2
    assert report["majority"] == {"train": 0.75, "test": pytest.approx(1 / 3)}
    assert report["fellow_copy"]["accuracy"] == pytest.approx(2 / 3)  # 2 and 0 copied, 0 by default
    assert report["patients"] == {"train": 3, "test": 3, "all": 4, "in_both": 2, "one_image_only": 1}
    assert json.loads(json.dumps(report)) == report


def test_majority_is_the_training_lists_most_frequent_grade(tmp_path: Path) -> None:
    report = audit(read_index(write_lab(tmp_path, "a\nb\nc\n", "1\n1\n0\n")))
    assert report["majority_grade"] == 1 and report["majority"]["test"] == 0.0
    assert report["fellow_copy"] is None


def found_of(kind: str, folder: Path) -> list[dict[str, Any]]:
    return [one for one in audit(read_index(folder))["findings"] if one["kind"] == kind]


def test_patients_of_another_visit_are_counted_and_fellow_eyes_once(tmp_path: Path) -> None:
    folder = write_lab(tmp_path, "1_v1_left\n2_left\n", "0\n1\n")
    (folder / "test_img.csv").write_text("1_v2_left\n2_right\n3_left\n")
    (folder / "test_label.csv").write_text("0\n1\n2\n")
    [one] = found_of(SHARED_PATIENTS, folder)
    assert one["count"] == 2 and one["text"].startswith("2 of 3 test images are of patients who have an image in train")
    (folder / "test_img.csv").write_text("1_v1_right\n2_right\n3_left\n")
    assert found_of(SHARED_PATIENTS, folder) == [] and len(found_of("fellow eyes", folder)) == 1


def test_grades_0_and_1_alone_are_two_classes(tmp_path: Path) -> None:
    assert found_of(TWO_CLASSES, write_lab(tmp_path, "a\nb\n", "0\n1\n"))[0]["count"] == 2
    assert found_of(TWO_CLASSES, write_lab(tmp_path, "a\nb\n", "0\n2\n")) == []
    assert found_of("grades absent", tmp_path)[0]["text"] == "no train image has grade 1, 3, 4"


def test_what_training_leaves_out_is_told_by_row_and_reason() -> None:
    table = pd.DataFrame({"row": [0, 1, 2, 3], "image": list("abcd"), "error": ["", "the file is empty", "", "cut"]})
    splits = pd.Series(["train", "excluded", "excluded", "excluded"])
    skipped, copies = unused(table, splits)
    assert skipped["count"] == 2 and skipped["text"].endswith("prepared: 2 (row 1: the file is empty, row 3: cut)")
    assert copies["count"] == 1 and copies["text"].endswith("read later: 1 (rows 2)")
    assert not unused(table[:1], splits[:1])


def test_the_finding_that_the_answer_looks_for_has_one_name() -> None:
    assert NO_PATIENTS == schema.FINDING_NO_PATIENTS  # retina_data imports nothing of analysis
    assert DOUBTFUL_PATIENTS == schema.FINDING_DOUBTFUL_PATIENTS
