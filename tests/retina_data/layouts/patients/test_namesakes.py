"""retina_data.layouts.patients.namesakes: a collection that stands in two folders, and two that number alike."""

from __future__ import annotations

import random

import pytest

from retina_data.layouts.patients.copies import ImageName
from retina_data.layouts.patients.image_names import read_names
from retina_data.layouts.patients.namesakes import one_tree

DRAWN = [f"{random.Random(number).getrandbits(48):012x}" for number in range(20)]
COUNTED = {
    "1": [f"{number}" for number in range(20)],
    "IMG_0001": [f"IMG_{number:04}" for number in range(20)],
    "image12": [f"image{number}" for number in range(20)],
    "q000z": [f"q{number:03}z" for number in range(20)],
    "007-0004-000": [f"007-{number:04}-000" for number in range(20)],
    "P001_V02_F1": [f"P{number:03}_V{number % 3:02}_F{number % 2}" for number in range(20)],
    "times of photographs": [f"IMG_20190312_{101500 + number}" for number in range(20)],
}


def of(folder: str, *stems: str, copy: bool = False) -> list[ImageName]:
    return [ImageName(folder, stem, "", "", "", copy) for stem in stems]


def joined(read: list[ImageName]) -> list[ImageName]:
    return one_tree(read, [False] * len(read))


def test_drawn_names_of_two_folders_are_of_one_collection() -> None:
    found = joined(of("large", *DRAWN) + of("b", *DRAWN[:15]))
    assert {one.folder for one in found} == {"large"} and [one.copy for one in found] == [False] * 20 + [True] * 15


def test_a_name_that_the_other_folder_lacks_is_no_copy() -> None:
    found = joined(of("a", *DRAWN) + of("b", *DRAWN[:18], "1"))
    assert {one.folder for one in found} == {"a"} and [one.copy for one in found[20:]] == [True] * 18 + [False]
    apart = joined(of("a", *DRAWN) + of("b", *DRAWN[:15], *"12345"))
    assert {one.folder for one in apart} == {"a", "b"} and not any(one.copy for one in apart)


def test_drawn_names_that_stand_twice_in_one_folder_are_of_one_image() -> None:
    assert sum(one.copy for one in joined(of("", *DRAWN, *DRAWN))) == 20
    assert not any(one.copy for one in joined(of("", *DRAWN, *DRAWN[:9])))


def test_copies_beside_their_originals_do_not_stand_twice() -> None:
    read = of("a", *DRAWN[:9]) + of("a", *DRAWN[:9], copy=True) + of("b", *DRAWN)
    assert {one.folder for one in joined(of("a", *DRAWN[:10], *DRAWN[9:]) + read)} == {"a"}
    assert {one.folder for one in joined(read + of("a", *DRAWN[9:]))} == {"a"}


@pytest.mark.parametrize("stems", COUNTED.values(), ids=COUNTED)
def test_numbers_of_two_folders_are_of_two_collections(stems: list[str]) -> None:
    for read in (of("a", *stems) + of("b", *stems), of("", *stems, *stems)):
        assert joined(read) == read


@pytest.mark.parametrize("stems", [DRAWN, COUNTED["1"]], ids=["drawn", "counted"])
def test_a_folder_of_copies_alone_is_of_the_one_folder_that_has_their_originals(stems: list[str]) -> None:
    originals, copies, others = of("a", *stems), of("", *stems, copy=True), of("c", *stems)
    assert {one.folder for one in joined(originals + copies)} == {"a"}
    assert {one.folder for one in one_tree(originals + of("", *stems), [False] * 20 + [True] * 20)} == {"a"}
    assert {one.folder for one in joined(of("x/a", *stems) + of("x", *stems, copy=True))} == {"x/a"}
    drawn = stems is DRAWN
    assert len({one.folder for one in joined(originals + copies + others)}) == (1 if drawn else 3)
    of_a_clinic = joined(originals + of("c", *stems, copy=True))
    assert len({one.folder for one in of_a_clinic}) == (1 if drawn else 2)


def test_views_in_the_folders_of_patients_join_nobody() -> None:
    views = [f"{number}{place}field" for number in range(5) for place in ("disc7", "macula8")]
    read = [one for patient in range(30) for one in of(f"P{patient}", *views)]
    assert joined(read) == read
    eyes = [ImageName(f"P{n}", "", eye, "", "", bool(n)) for n in range(2) for eye in ("left", "right")]
    assert joined(eyes) == eyes


def test_sizes_come_off_names_whose_rest_stands_in_another_folder() -> None:
    names = [f"{place}{stem}{end}" for place, end in (("a/", "-600"), ("b/", "")) for stem in DRAWN]
    assert {one.folder for one in read_names(names)} == {"a"}
