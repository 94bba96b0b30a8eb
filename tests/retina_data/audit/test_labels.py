"""retina_data.audit.labels: the numbers of the lab's own split, and baselines that look at no image."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from analysis import schema
from retina_data.audit.labels import NO_PATIENTS, audit, unused
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


def test_what_training_leaves_out_is_told_by_row_and_reason() -> None:
    table = pd.DataFrame({"row": [0, 1, 2, 3], "image": list("abcd"), "error": ["", "the file is empty", "", "cut"]})
    splits = pd.Series(["train", "excluded", "excluded", "excluded"])
    skipped, copies = unused(table, splits)
    assert skipped["count"] == 2 and skipped["text"].endswith("prepared: 2 (row 1: the file is empty, row 3: cut)")
    assert copies["count"] == 1 and copies["text"].endswith("read later: 1 (rows 2)")
    assert not unused(table[:1], splits[:1])


def test_the_finding_that_the_answer_looks_for_has_one_name() -> None:
    assert NO_PATIENTS == schema.FINDING_NO_PATIENTS  # retina_data imports nothing of analysis
