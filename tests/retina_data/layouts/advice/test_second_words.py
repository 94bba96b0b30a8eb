"""retina_data.layouts.advice.second_words: columns of words, splits in names, and folders with the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.advice.second_words import codes_of_words, namesakes, splits_in_names, words_beside_grades
from retina_data.layouts.folder_tree import scan
from retina_data.layouts.inventory import Fate
from retina_data.layouts.label_files import Entry, ReadOptions

CODED = "id_code,diagnosis,class_name\na,2,No_DR\nb,0,Mild\nc,1,Moderate\nd,2,No_DR\n"


def test_words_beside_grades_chosen_by_the_user_are_only_warned_of(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(CODED)
    tree = scan(tmp_path)
    (found,) = words_beside_grades(tree, ["train.csv"], ReadOptions())
    assert not found.only_warns and found.count == 4
    chosen = ReadOptions(image_column="id_code", grade_column="diagnosis")
    assert [one.only_warns for one in words_beside_grades(tree, ["train.csv"], chosen)] == [True]


@pytest.mark.parametrize("words", ["No_DR,Mild,Moderate,No_DR", "good,bad,good,good", "Mild,Mild,Mild,Mild"])
def test_words_beside_grades_that_agree_or_say_none_are_no_doubt(tmp_path: Path, words: str) -> None:
    lines = [f"{name},{code},{word}" for name, code, word in zip("abcd", "0120", words.split(","), strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["id_code,diagnosis,note", *lines]) + "\n")
    assert words_beside_grades(scan(tmp_path), ["train.csv"], ReadOptions()) == []


def test_words_beside_grades_are_compared_with_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(CODED.replace(",0,", ",0.0,").replace("d,2", "d,²"))
    tree, grades = scan(tmp_path), {"0": 1, "1": 2, "2": 0}
    assert [one.count for one in words_beside_grades(tree, ["train.csv"], ReadOptions())] == [3]
    assert words_beside_grades(tree, ["train.csv"], ReadOptions(grades=grades)) == []


def test_codes_that_the_user_gave_their_grades_are_no_doubt(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"Mild": 0, "No_DR": "²"}')
    tree = scan(tmp_path)
    assert len(codes_of_words(tree, [Entry("a", 0, "", "l.csv", word="0")])) == 1
    assert codes_of_words(tree, [Entry("a", 1, "", "l.csv", word="0")]) == []


def test_splits_in_names_are_warned_of_where_some_images_of_several_are_held_out() -> None:
    entries = [Entry(name, 0, "", "l.csv") for name in ("train_1", "test_2", "other_3")]
    others = [Entry(f"q{n}z", 0, "", "l.csv") for n in range(20)]
    assert len(splits_in_names(entries)) == len(splits_in_names(entries[:2])) == len(splits_in_names(entries[1:])) == 1
    assert splits_in_names(entries[1:2]) == splits_in_names(entries[:1] + others) == []
    assert splits_in_names(entries[1:2] + others) == []  # one of many may be called so
    assert splits_in_names([Entry("train_1", 0, "train", "l.csv"), entries[1]]) == []


def test_namesakes_of_copies_and_of_folders_of_images_are_no_doubt() -> None:
    files = {Fate.PICTURE: ("Disc/a.png", "Disc/b.png")}
    assert len(namesakes(files | {Fate.SAME_NAME: ("Macula/a.png", "Macula/b.png")})) == 1
    for other in ("Macula_resized", "images"):
        assert namesakes(files | {Fate.SAME_NAME: (f"{other}/a.png", f"{other}/b.png")}) == []
    assert namesakes(files | {Fate.SAME_NAME: ("Macula/a.png",)}) == []
