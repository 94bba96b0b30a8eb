"""retina_data.layouts.tables.unread_patients: columns and files that may say patients are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.tables.unread_patients import may_be_patients, unread_patient_files, unread_patients


@pytest.mark.parametrize(
    ("column", "each", "by_name", "named"),
    [
        ("case_id", 2, 1, True), ("study_id", 1, 1, False), ("ID", 12, 1, False), ("grader_id", 2, 1, False),
        ("case_id", 4, 2, True), ("case_id", 2, 2, False), ("case_id", 1, 2, False), ("site", 4, 2, False),
    ],
)  # fmt: skip
def test_a_column_that_groups_as_patients_do_is_named(
    tmp_path: Path, column: str, each: int, by_name: int, named: bool
) -> None:
    rows = "".join(f"x{n},0,v{n // each}\n" for n in range(60))
    (tmp_path / "train.csv").write_text(f"id_code,diagnosis,{column}\n{rows}")
    owners = {f"train.csv, line {n + 2}": f"p{n // by_name}" for n in range(60)}
    found = unread_patients(scan(tmp_path), ["train.csv"], ReadOptions(), owners)
    assert [one.text.endswith(f"--patient-column {column}") for one in found] == [True] * named


@pytest.mark.parametrize(
    "name",
    ["UHID", "HN", "NHC", "chart_no", "Fallnummer", "family", "病人ID", "ID пациента", "患者番号", "환자번호", 
     "hasta_no", "Historia clínica nº paciente", "caseID", "MedicalRecordNumber", "PatientUID", "id"],
)  # fmt: skip
def test_names_that_may_be_of_patients(name: str) -> None:
    assert may_be_patients(name)


@pytest.mark.parametrize(
    "name",
    ["site", "camera_id", "doctor", "date", "patient_age", "PatientSex", "grader_no", "image_id", "hybrid", "lens"],
)
def test_names_that_are_of_something_else(name: str) -> None:
    assert not may_be_patients(name)


def test_a_file_that_pairs_images_is_named_where_their_names_do_not(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("left;right\na.png;b.png\nc.png;d.png\n")
    used = {f"{name}.png": Entry(name, 0, "", "") for name in "abcd"}
    tree = scan(tmp_path)
    [one] = unread_patient_files(tree, used, ["pairs.csv"], {file: file for file in used})
    assert "2 pairs of it are taken for two patients" in one.text and one.only_warns
    assert not unread_patient_files(tree, used, ["pairs.csv"], dict(zip(used, "ppqq", strict=True)))


def test_a_column_of_another_file_that_groups_as_patients_do_is_named(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("file,UHID\n" + "".join(f"x{n}.png,u{n // 2}\n" for n in range(20)))
    used = {f"x{n}.png": Entry(f"x{n}", 0, "", "") for n in range(20)}
    [one] = unread_patient_files(scan(tmp_path), used, ["more.csv"], {file: file for file in used})
    assert "'UHID', for 20 images, but is not read: copy it as `patient`" in one.text
