"""retina_data.layouts.tables.unread_table: a label file that is not read is known by its fields."""

from __future__ import annotations

from pathlib import Path

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.tables.unread_table import UnreadTable, look_into


def guessed(folder: Path, text: str, name: str = "l.csv") -> UnreadTable:
    (folder / name).write_text(text)
    return look_into(scan(folder), name, frozenset(("a", "b")))


def test_columns_of_images_and_grades_are_recognised(tmp_path: Path) -> None:
    found = guessed(tmp_path, "n,age group,picture,dr stage\n0,1,x\\a.png,2\n1,2,b,mild\n2,0,c,0\n")
    assert (found.image, found.grade, found.images) == ("picture", "dr stage", {"a", "b"})
    assert found.grades == ("n", "age group", "dr stage")
    assert found.flags == "--labels l.csv --image-column picture --grade-column 'dr stage'"


def test_a_file_without_grades_or_without_our_pictures_is_described_as_that(tmp_path: Path) -> None:
    assert guessed(tmp_path, "id,sharp\na,yes\nb,no\n").grades == ()
    assert not guessed(tmp_path, "id,level\nx,1\n").images
    assert guessed(tmp_path, "id,level\na,0\n", "sample_submission.csv").grades == ()
    assert guessed(tmp_path, "").columns == ()


def test_what_is_not_clear_is_left_to_the_user(tmp_path: Path) -> None:
    one_for_each_grade = guessed(tmp_path, "file,No_DR,Mild,Severe\na,1,0,0\nb,0,0,1\n")
    assert one_for_each_grade.grade == "" and len(one_for_each_grade.grades) == 3
    assert guessed(tmp_path, "file,quality,field\na,1,2\nb,0,4\n").grade == ""
    assert guessed(tmp_path, "file,sharp\na,1\nb,0\n").grade == ""
    assert guessed(tmp_path, "file,sharp\na,1\nb,0\n").flags.endswith("--image-column file --grade-column NAME")
    assert guessed(tmp_path, "file,stage\na,1\nb,0\nc,4\n").grade == "stage"
    assert guessed(tmp_path, "file,DR,ARMD\na,1,0\nb,0,1\nc,1,1\n").grade == ""
