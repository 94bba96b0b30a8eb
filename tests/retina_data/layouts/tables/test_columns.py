"""retina_data.layouts.tables.columns: which columns of a label file are read."""

from __future__ import annotations

import pytest

from retina_data.layouts.label_files import LabelTable, ReadOptions
from retina_data.layouts.tables.columns import columns_of, split_said


def columns(header: str, *fields: str, **options: str) -> tuple[int | None, int | None, int | None]:
    """Numbers of the columns of patient, eye and split beside an image and its grade."""
    rows = [(number, f"a{number},0,{line}".split(",")) for number, line in enumerate(fields, 2)]
    found = columns_of(LabelTable("a.csv", tuple(f"image,level,{header}".split(",")), rows), ReadOptions(**options))
    return found.patient, found.eye, found.split


@pytest.mark.parametrize("name", ["patient", "Patient ID", "patientid", "subject", "Subject_ID", "pid", "MRN"])
def test_a_column_of_patients_has_a_usual_name(name: str) -> None:
    assert columns(name, "x") == (2, None, None)


@pytest.mark.parametrize("name", ["patient_age", "pids", "subjective", "name"])
def test_other_columns_are_none_of_patients(name: str) -> None:
    assert columns(name, "x") == (None, None, None)


def test_eyes_and_splits_are_read_where_each_field_says_one() -> None:
    assert columns("Eye,laterality,set", "1,OD,train", "2,left eye,prueba") == (None, 3, 4)
    assert columns("side,subset", "LE,train", ",xunlian") == (None, 2, None)
    assert columns("eye,Eye", "L,R") == (None, None, None)
    assert columns("split,side", "train,L", "test,x", eye_column="split") == (None, 2, 2)


def test_split_said_by_one_word() -> None:
    texts = ("Train", "Public", "validación", "teste", "train test", "", "xunlian")
    assert [split_said(text) for text in texts] == ["train", "test", "val", "test", "", "", ""]
