"""retina_data.layouts.tables.entries: each line is checked, and two files never contradict each other in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import grade_said
from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import UNGRADABLE, Entry, ReadOptions
from retina_data.layouts.tables.entries import read_label_tables, table_entries


def entries(folder: Path, text: str, name: str = "train.csv", **options: object) -> list[Entry]:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return table_entries(scan(folder), name, ReadOptions(**options))  # type: ignore[arg-type]


def test_lines_become_entries(tmp_path: Path) -> None:
    assert entries(tmp_path, '"id_code","diagnosis","patient"\n"a1","3",ann\nb2.png,0.0,bob\n', "x/valid.csv") == [
        Entry("a1", 3, "val", "x/valid.csv, line 2", "ann", folder="x", word="3"),
        Entry("b2.png", 0, "val", "x/valid.csv, line 3", "bob", folder="x", word="0"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a,1,2,3", "a line must be `id_code,diagnosis,patient`, but got 'a,1,2,3'"),
        ("a", "a line must be"),
        ("a,7,p", "a grade must be 0, 1, 2, 3 or 4, but got '7'"),
        ("a,-1,p", "got '-1'"),
        ("a,1.5,p", r"got '1\.5'"),
        ("a,odd,p", "got 'odd'"),
        ("a,,p", "a grade must be"),
        (",1,p", "an image name must not be empty"),
        ("../a,1,p", "must stay in its folder"),
    ],
)
def test_a_line_that_breaks_the_form_is_refused_with_its_place(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(DataError, match=rf"{expected}.*train\.csv, line 3"):
        entries(tmp_path, f"id_code,diagnosis,patient\nb,0,p\n{line}\n")


@pytest.mark.parametrize("line", ["2.017E+11,0,p", "2,017E+11;0;p", "2E+12.png,0,p", "a,0,1.2E+10"])
def test_a_number_that_a_spreadsheet_has_rewritten_is_refused(tmp_path: Path, line: str) -> None:
    header = "id_code;diagnosis;patient" if ";" in line else "id_code,diagnosis,patient"
    with pytest.raises(DataError, match=r"must have all its digits, but got .*train\.csv, line 2.*again as text"):
        entries(tmp_path, f"{header}\n{line}\n")


def test_a_picture_that_is_called_as_such_a_number_is_read(tmp_path: Path) -> None:
    (tmp_path / "1E+10.png").touch()
    assert [one.image for one in entries(tmp_path, "id_code,diagnosis\n1E+10,0\n3e10,1\n")] == ["1E+10", "3e10"]


def test_columns_are_the_users_or_a_published_forms(tmp_path: Path) -> None:
    text = "file,dr,who,side,part\na,No DR,x,OS,Training\nb,pdr,y,r,Private\n"
    named = {"image_column": "FILE", "grade_column": "dr", "patient_column": "who", "eye_column": "side"}
    found = entries(tmp_path, text, "l.csv", split_column="part", **named)
    assert [(one.image, one.grade, one.patient, one.eye, one.split) for one in found] == [
        ("a", 0, "x", "left", "train"), ("b", 4, "y", "right", "test")
    ]  # fmt: skip
    with pytest.raises(DataError, match="the header of l.csv is 'file', 'dr'.*name --image-column and --grade-column"):
        entries(tmp_path, text, "l.csv")
    with pytest.raises(DataError, match="--eye-column must name a column of l.csv .*'nose'"):
        entries(tmp_path, text, "l.csv", image_column="file", grade_column="dr", eye_column="nose")
    with pytest.raises(DataError, match="an eye must be .*'x'"):
        entries(tmp_path, text, "l.csv", image_column="file", grade_column="dr", eye_column="who")
    with pytest.raises(DataError, match="a split must be train, val or test, but got 'x'"):
        entries(tmp_path, text, "l.csv", image_column="file", grade_column="dr", split_column="who")


def test_ungradable_images_are_told(tmp_path: Path) -> None:
    messidor = "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable\na,2,0,1\nb,,,0\nc,1,,0\n"
    assert [one.grade for one in entries(tmp_path, messidor)] == [2, UNGRADABLE, UNGRADABLE]
    assert [one.grade for one in entries(tmp_path, "a.jpg 0\nb.jpg 5\n", "train.txt")] == [0, UNGRADABLE]
    with pytest.raises(DataError, match="got '5'"):
        entries(tmp_path, "image,level\na,5\n")
    assert entries(tmp_path, "image,level\na,5\n", grades={"5": None})[0].grade == UNGRADABLE


def test_grade_of_an_eye_is_in_its_own_column(tmp_path: Path) -> None:
    text = "patient_id,image_id,left_eye_DR_Level,right_eye_DR_Level\n1,1_l1,3,0\n1,1_r2,3,0\n2,2_r1,,4\n"
    found = entries(tmp_path, text)
    assert [(one.image, one.grade, one.patient) for one in found] == [
        ("1_l1", 3, "1"),
        ("1_r2", 0, "1"),
        ("2_r1", 4, "2"),
    ]


def test_kaggles_usage_makes_a_test_split(tmp_path: Path) -> None:
    assert entries(tmp_path, "image,level,Usage\n1_left,0,Public\n", "labels.csv")[0].split == "test"


def test_folders_of_a_label_file_elsewhere_say_no_split(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "labels.csv").write_text("image,level\na,0\n")
    [found] = table_entries(scan(tmp_path), str(tmp_path / "test" / "labels.csv"), ReadOptions())
    assert (found.split, found.folder, found.place) == ("", "", "labels.csv, line 2")


def write_all(folder: Path, **tables: str) -> list[str]:
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("image,level\n" + "".join(f"{line}\n" for line in lines.split()))
    return [f"{name}.csv" for name in tables]


def test_label_files_are_read_training_first_and_a_repetition_is_not(tmp_path: Path) -> None:
    files = write_all(tmp_path, test="c,2", train="a,0 b,1", everything="a,0 b,1 c,2", train_few="a,0")
    found, read = read_label_tables(scan(tmp_path), files, ReadOptions())
    assert [(one.image, one.split) for one in found] == [("a", "train"), ("b", "train"), ("c", "test")]
    assert read == ["train.csv", "test.csv"]


@pytest.mark.parametrize("other", ["a,1", "a,0 c,2"])
def test_label_files_of_a_split_that_overlap_are_refused(tmp_path: Path, other: str) -> None:
    files = write_all(tmp_path, train="a,0 b,1", train_more=other)
    with pytest.raises(DataError, match="choose one with --labels"):
        read_label_tables(scan(tmp_path), files, ReadOptions())


def test_grade_said_by_numbers_and_words() -> None:
    texts = ("2", "2.0", "2,00", "4.", "2.5", "-1", "+1", "", "mild", "5", "22")
    assert [grade_said(text, {}) for text in texts] == [2, 2, 2, 4, None, None, None, None, 1, None, None]


@pytest.mark.parametrize(
    ("text", "words", "grade"),
    [
        ("1", {"-1": None}, 1),
        ("-1", {"-1": None}, UNGRADABLE),
        ("-1.0", {"-1": None}, UNGRADABLE),
        ("No DR", {"no-dr": 0}, 0),
        ("2?", {}, None),
        ("2?", {"2?": 2}, 2),
        (">1", {}, None),
        ("<3", {}, None),
        ("2*", {}, None),
        ("Moderate?", {}, None),
    ],
)
def test_grade_said_takes_signs_and_doubts_as_they_stand(
    text: str, words: dict[str, int | None], grade: int | None
) -> None:
    assert grade_said(text, words) == grade


@pytest.mark.parametrize(
    ("name", "grade"),
    [("9_r1", 3), ("9_R1", 3), ("9_right", 3), ("9_OD2", 3), ("9_l1", 1), ("9_L", 1), ("9_left2", 1), ("9_OS", 1)],
)
def test_grade_of_an_eye_however_its_name_says_it(tmp_path: Path, name: str, grade: int) -> None:
    text = f"image_id,left_eye_DR_Level,right_eye_DR_Level\n{name},1,3\n"
    assert [entry.grade for entry in entries(tmp_path, text)] == [grade]


def test_grade_of_the_other_eye_is_not_taken_for_a_blank(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="but got ''"):
        entries(tmp_path, "image_id,left_eye_DR_Level,right_eye_DR_Level\n9_r1,2,\n")
