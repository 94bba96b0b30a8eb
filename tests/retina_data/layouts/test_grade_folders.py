"""retina_data.layouts.grade_folders: spellings of grades, and the images in folders of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import Tree, tree_of
from retina_data.layouts.grade_folders import (
    collection,
    grade_folder,
    grade_of,
    names_in_collection,
    read_grade_folders,
    same_word,
    signed,
)
from retina_data.layouts.label_files import UNGRADABLE, Entry


def tree(*files: str) -> Tree:
    return tree_of(Path("/data"), files)


@pytest.mark.parametrize(
    ("grade", "spellings"),
    [
        (0, "0|No DR|NO_DR|no-dr|Normal|Healthy|0_No_DR|grade0|Grade 0|class_0|No Diabetic Retinopathy|dr0"),
        (1, "1|Mild|mild_npdr|1 - Mild|level1|Mild DR|MILD NON-PROLIFERATIVE DR"),
        (2, "2|Moderate|Moderate NPDR|grade_2_moderate"),
        (3, "3|Severe|Severe NPDR|severe-dr|Severe_3"),
        (4, "4|Proliferate|Proliferative DR|PDR|Proliferate_DR|proliferative diabetic retinopathy"),
        (UNGRADABLE, "Ungradable|ungradeable|not_gradable"),
        (3, "3.|(3)|#3|'3|[3]|3: Severe|3 \u2013 Severe|3 \u2212 Severe|Grade - 3|grade=3|Severe -3"),
        (None, "5|10|11|DR|NPDR|very severe|images|train|1_No_DR|0_1|patient 3|||left"),
        (None, "-1|grade_-1|Grade -1|1+|1-|<1|>=3|2?|3??|Severe?|!Mild|~Mild|<Mild|Mild+-|- 1|-Mild|Mild+|+3|3%|3..."),
        (None, "\u20131|\u22121|\u20141|\u22653|\u22643|\u22483|\u00b13|\u22603|=\u03383|\u00acMild|\u2265 Mild"),
        (None, ".3|1.5|2,5|Mild\uff1f|\u00bfMild|3$|3&"),
    ],
)
def test_grade_of_knows_the_usual_spellings(grade: int | None, spellings: str) -> None:
    for name in spellings.split("|"):
        assert grade_of(name, {}) == grade, name


def test_the_users_words_come_first() -> None:
    words = {"Very severe": 3, "5": None, "0": 1}
    assert [grade_of(name, words) for name in ("very_severe", "5", "0", "1")] == [3, UNGRADABLE, 1, 1]


def test_grade_folder_is_the_outermost() -> None:
    assert grade_folder("train/0/1", {}) == ("train/0", 0) and grade_folder("train/x", {}) is None
    assert grade_folder("", {}) is None


def test_images_are_listed_by_split_grade_and_name_each_once() -> None:
    files = ("test/0/e.png", "train/1/b.png", "train/1/a.jpeg", "train/1/a.png", "train/0/p1/left.png", "loose.png")
    found = read_grade_folders(tree(*files), {})
    assert [(entry.image, entry.grade, entry.split, entry.file) for entry in found.entries] == [
        ("train/0/p1/left", 0, "train", "train/0/p1/left.png"),
        ("train/1/a", 1, "train", "train/1/a.jpeg"),
        ("train/1/b", 1, "train", "train/1/b.png"),
        ("test/0/e", 0, "test", "test/0/e.png"),
    ]
    assert found.unknown == {}


def test_folders_beside_those_of_grades_are_unknown_but_for_splits_and_images() -> None:
    files = ("set/0/a.png", "set/1/b.png", "set/5/c.png", "set/odd/x/d.png", "set/test/e.png", "set/images/f.png")
    assert read_grade_folders(tree(*files, "other/g.png"), {}).unknown == {
        "set/5": ["set/5/c.png"], "set/odd": ["set/odd/x/d.png"]
    }  # fmt: skip


def test_collections_keep_their_folders_and_grades_splits_and_images_do_not() -> None:
    assert collection("train/eyepacs/images") == "eyepacs"

    def names(*images: str, **about: str) -> list[str]:
        return names_in_collection([Entry(image, 0, "", "", **about) for image in images], {})

    assert names("eyepacs/1_left", "odir/1_left") == ["eyepacs/1_left", "odir/1_left"]
    assert names("0/1_left", "3/1_right") == ["1_left", "1_right"]
    assert names("1/1_l1", "2/2_r1", "300/300_l1") == ["1/1_l1", "2/2_r1", "300/300_l1"]
    assert names("train/No_DR/7/a", file="train/No_DR/7/a.png") == ["7/a"]
    assert names("a", folder="site1/train") == ["site1/a"]


def test_a_word_of_the_user_with_a_sign_is_that_word_alone() -> None:
    words = {"Severe?": 2, "-1": None, "Se\u0301ve\u0300re": 3}
    assert [grade_of(name, words) for name in ("Severe?", "Severe", "-1", "1", "\u22121", "S\u00e9v\u00e8re")] == [
        2, 3, UNGRADABLE, 1, None, 3,
    ]  # fmt: skip
    assert signed("Mild+") and not signed("1 - Mild") and not same_word("-1", "1") and same_word("no-dr", "No DR")
