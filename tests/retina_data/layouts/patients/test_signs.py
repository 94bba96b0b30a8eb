"""retina_data.layouts.patients.signs: each sign that patients are wrong; real names raise none."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from retina_data.layouts.dataset import read_index
from retina_data.layouts.patients.keys import parse
from retina_data.layouts.patients.signs import Cause, warning_signs
from tests.retina_data.layouts.test_dataset import SHARED, needs_data, write_lab

EYEPACS = [f"{n // 2}_{('left', 'right')[n % 2]}" for n in range(35_126)]
APTOS = [f"{random.Random(n).getrandbits(48):012x}" for n in range(3_662)]
MEDMNIST = [f"{split}_{n:05}" for split in ("train", "val", "test") for n in range(400)]


def causes(names: list[str], pattern: str | None = None) -> list[Cause]:
    return [sign.cause for sign in warning_signs(parse(names, pattern), pattern is not None)]


@pytest.mark.parametrize("names", [EYEPACS, APTOS, MEDMNIST], ids=["eyepacs", "aptos", "medmnist"])
def test_known_data_sets_raise_no_sign_in_a_fraction_of_a_second(names: list[str]) -> None:
    start = time.process_time()
    assert causes(names) == []
    assert time.process_time() - start < 2  # measured: 0.5 s for 35,126 names


@needs_data
@pytest.mark.parametrize(("folder", "patients"), [("idrid", 413), ("lab_split", 17_563)])
def test_shared_data_raise_no_sign(folder: str, patients: int) -> None:
    files = [SHARED / folder / f"{split}_img.csv" for split in ("train", "test")]
    names = [line for file in files for line in file.read_text().splitlines()]
    parsed = parse(names)
    assert len(set(parsed.patient)) == patients
    assert warning_signs(parsed, False) == []


VISITS = [f"P{n}/visit{visit}_{eye}" for n in range(5) for visit in (1, 2, 3) for eye in ("left", "right")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (VISITS, []),
        (["1_left", "1_right"], []),
        (["1_left", "1_left (1)", "1_left-600-FA", "2_left"], []),
        ([f"eyepacs/{n}_left" for n in range(9)] + [f"odir/{n}_left" for n in range(9)], []),
        (["1_left", "2_left", "1_left"], [Cause.SAME_EYE_TWICE]),  # numbered anew in each split or grade
        (["1_OD", "1_right", "2_left"], [Cause.SAME_EYE_TWICE]),
        (["left_1", "left_2"] + [f"c/left_{n}" for n in range(11)], [Cause.MANY_IMAGES]),
        ([f"c/left_{n}" for n in range(40)], [Cause.ONE_PATIENT]),
        ([f"{c}/left_{n}" for n in range(40) for c in "ab"], [Cause.FEW_PATIENTS]),
        ([f"P{n}/{image}" for n in range(10) for image in (1, 2)], [Cause.MANY_FOLDERS]),
        ([f"P{n}/{image}_left" for n in range(10) for image in (1, 2)], [Cause.MANY_FOLDERS]),
        ([f"P{n}/{image}" for n in range(5) for image in (1, 2)], []),  # five collections, as well
        ([f"P{n}/P{n}_{eye}" for n in range(10) for eye in ("left", "right")], []),
        ([f"{n:02x}/{image}" for n in range(10) for image in range(20)], []),  # divided into large folders
        ([f"P{n}_{visit}_{eye}" for n in range(6) for visit in "12" for eye in ("left", "right")], [Cause.TWO_NUMBERS]),
        ([f"{n:04}_{image}" for n in range(6) for image in (1, 2, 3)], [Cause.TWO_NUMBERS]),
        ([f"q{n:03}z_{image}" for n in range(6) for image in (0, 1, 2)], [Cause.TWO_NUMBERS]),
        ([f"P{n}_1_left" for n in range(9)], []),
        ([f"IDRiD_{n:03}" for n in range(1, 20)], []),
        ([f"IDRiD_{n}" for n in range(1, 20)], []),
        ([f"site{n // 50}_{n}_left" for n in range(400)], []),  # more than a patient has
        ([f"P{n}_{image}" for n in range(5) for image in (1, 2)], []),  # five collections, as well
    ],
)
def test_warning_signs_of_names(names: list[str], expected: list[Cause]) -> None:
    assert causes(names) == expected


def test_warning_signs_doubt_a_column_or_pattern_only_where_no_list_of_patients_looks_so() -> None:
    assert causes([f"{n}_left" for n in range(9)], r"(?P<patient>_)") == [Cause.ONE_PATIENT]
    assert causes([f"{n % 3}_{n}" for n in range(90)], r"(?P<patient>\d)_") == [Cause.FEW_PATIENTS]
    assert causes(["1_left", "1_OS", "2_left"], r"(?P<patient>\d)_") == []
    assert causes([f"P{n}/{image}" for n in range(10) for image in (1, 2)], r"^(?P<patient>P\d+)") == []
    unknown = [f"NA_{n}" for n in range(30)] + [f"p{n}_0" for n in range(40)]
    (sign,) = warning_signs(parse(unknown, r"^(?P<patient>\w+)_"), True)
    assert (sign.cause, sign.counts, sign.examples) == (Cause.MANY_IMAGES, {"images": 30, "patients": 1}, ("NA",))
    assert sign.remedy.startswith("correct the column")
    many_visits = replace(parse(VISITS), patient=tuple(str(n // 10) for n in range(30)))
    assert warning_signs(many_visits, True) == []


def test_warning_signs_name_a_placeholder() -> None:
    parsed = parse([f"{n}_{eye}" for n in range(6) for eye in ("left", "right")])
    digests = [f"{n}" for n in range(12)]
    assert warning_signs(parsed, False, digests) == []
    (sign,) = warning_signs(parsed, True, ["none" if n % 2 else digest for n, digest in enumerate(digests)])
    assert sign.cause is Cause.PLACEHOLDER and sign.counts == {"images": 6, "patients": 6, "photographs": 1}
    assert warning_signs(parsed, False, ["pair" if n < 4 else digest for n, digest in enumerate(digests)]) == []
    assert warning_signs(parsed, False, [""] * 12) == []


def test_warning_signs_hold_no_name_beside_their_examples() -> None:
    names = ["secret_left", "secret_left", *(f"hidden{n}/{image}" for n in range(9) for image in (1, 2))]
    signs = warning_signs(parse(names), False, ["same"] * len(names))
    assert [sign.cause for sign in signs] == [Cause.SAME_EYE_TWICE, Cause.MANY_FOLDERS, Cause.PLACEHOLDER]
    for sign in signs:
        text = f"{sign.sentence} {sign.remedy} {sign.counts}"
        assert "secret" not in text and "hidden" not in text and "\n" not in text
    assert signs[0].examples == ("secret",)
    assert "--patient-pattern" in signs[0].remedy and "--patient-column" in signs[0].remedy


def test_signs_come_with_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "trainLabels.csv").write_text("image,level\n" + "".join(f"c/left_{n},0\n" for n in range(20)))
    assert [sign.cause for sign in read_index(tmp_path).signs] == [Cause.ONE_PATIENT]
    assert read_index(write_lab(tmp_path / "lab")).signs == ()


def test_copies_without_their_originals_count_once() -> None:
    assert causes([f"{n}_left_aug_{k}" for n in range(3) for k in range(20)]) == []
    assert causes([f"c/left_{n}_aug_{k}" for n in range(11) for k in range(3)]) == [Cause.ONE_PATIENT]
