"""Advice of `retina data check`, followed to the letter: what it names reads the data set, with the right grades."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.retina_data.as_people_have_them.builder import (
    Content,
    Files,
    build,
    eyes,
    graded,
    names,
    picture,
    pictures,
    table,
)
from tests.retina_data.as_people_have_them.test_forms import (
    APTOS,
    DOUBLE,
    EVEN,
    KAGGLE,
    NUMBERS,
    WORDS,
    A,
    B,
    check,
    pictures_by_grade,
)

FLAGS = re.compile(r"(?:--[a-z-]+ (?:'[^']*'|[^\s',;)]+) ?)+")
SPANISH = dict(zip(("Sano", "Leve", "Moderado", "Severo", "Proliferativo"), range(5), strict=True))
GERMAN = {"leicht": 1, "mittel": 2, "schwer": 3, "proliferativ": 4}
ENGLAND = {"R0": 0, "R1": 1, "R2": 3, "R3": 4}
COUNTED = ("1 - No DR", "2 - Mild", "3 - Moderate", "4 - Severe", "5 - PDR")
PARAGUAY = {
    "1. No DR signs": 0, "2. Mild (or early) NPDR": 1, "3. Moderate NPDR": 2, "4. Severe NPDR": 3,
    "5. Very Severe NPDR": 3, "6. PDR": 4, "7. Advanced PDR": 4,
}  # fmt: skip
UNHEALTHY_WORDS = ("1 Mild", "2 Moderate", "3 Severe", "5 Worse")
UNHEALTHY = [0, 3, 3, 3, 3]
TWO_EYES = "left_image,right_image,left_grade,right_grade\n" + "".join(f"{n}_l,{n}_r,{n},{n}\n" for n in range(5))
ONE_EYE = "image,level,patient\n" + "".join(f"{n}_{eye},{n},{n}\n" for n in range(5) for eye in "lr")
EACH_GRADE = "file,No_DR,Mild,Moderate,Severe,PDR\n" + "".join(
    f"{name},{','.join(str(int(n % 5 == grade)) for grade in range(5))}\n" for n, name in enumerate(A)
)


def labels(header: str, words: Any, listed: list[str] = A, line: str = "{},{}") -> str:
    """A label file whose grades are these words, one after the other."""
    lines = [line.format(*pair) for pair in zip(listed, cycle(words), strict=False)]
    return "".join(f"{text}\n" for text in [*([header] if header else []), *lines])


class Flags(NamedTuple):
    """A data set, what check says of it with which exit code, and the grades that are read with the flags it names.

    answers: what stands for each `?`. choice: which of the ways that it offers. unused: pictures left out then.
    """

    name: str
    files: Files
    code: int
    sentence: str
    grades: list[int]
    answers: Mapping[str, int] = {}
    choice: int = 0
    unused: int = 0


P = pictures("p/{}.png", A)
Q = names(15)
Q_PICTURES = pictures("p/{}.png", Q)
FOLDERS_DIFFER = {"train.csv": table(APTOS, A), **pictures_by_grade("f/{folder}/{name}.png", A, wrong=2)}

BY_FLAGS = [
    Flags("a label file with 1 to 5", {"train.csv": labels(APTOS, "12345"), **P}, 1, "counted from 1", EVEN),
    Flags("the same, where 5 is ungradable", {"train.csv": labels(APTOS, "12345", Q), **Q_PICTURES}, 1,
          "5 stands for images", UNHEALTHY, choice=1, unused=3),
    Flags("a label file with 0 to 5", {"train.csv": labels(APTOS, "012345", Q), **Q_PICTURES}, 1, "5 stands for images",
          [3, 3, 3, 2, 2], unused=2),
    Flags("a label file with 1.0 to 5.0", {"train.csv": labels(APTOS, "12345", line="{},{}.0"), **P}, 1,
          "counted from 1", EVEN),
    Flags("a label file with 1 to 4", {"train.csv": labels(APTOS, "1234"), **P}, 0, "no image has grade 0",
          [3, 3, 2, 2, 0]),
    Flags("the same, where no eye is healthy", {"train.csv": labels(APTOS, "1234"), **P}, 0, "no healthy eye is there",
          [0, 3, 3, 2, 2], choice=1),
    Flags("DDR's list with 1 to 5", {"train.txt": labels("", "12345", line="{}.png {}"), **P}, 1,
          "there are 1 to 5 and no 0", EVEN),
    Flags("the lab's files with 1 to 5", {
        "train_img.csv": table("", A, "{name}"), "train_label.csv": "1\n2\n3\n4\n5\n" * 2, **P,
    }, 1, "counted from 1", EVEN),
    Flags("the lab's files with 1 to 4", {
        "train_img.csv": table("", Q[:12], "{name}"), "train_label.csv": "1\n2\n3\n4\n" * 3, **Q_PICTURES,
    }, 0, "may be counted from 1", [3, 3, 3, 3, 0], unused=3),
    Flags("folders 1 to 5 below splits", {
        **graded("train/{folder}/{name}.png", "12345"), **graded("test/{folder}/{name}.png", "12345", 2, 50),
    }, 1, "say no grade: where these are grades counted from 1", [4, 4, 4, 4, 4]),
    Flags("folders Grade_1 to Grade_5", graded("{folder}/{name}.png", [f"Grade_{n}" for n in range(1, 6)]), 1,
          "counted from 1, --grade Grade_1=0", EVEN),
    Flags("folders Grade_1 to Grade_4", graded("{folder}/{name}.png", [f"Grade_{n}" for n in range(1, 5)], 3), 0,
          "may be counted from 1", [3, 3, 3, 3, 0]),
    Flags("folders of numbered words from 1", graded("{folder}/{name}.png", COUNTED), 1, "--grade '1 - No DR=0'", EVEN),
    Flags("numbered words from 1 in a label file", {"train.csv": labels(APTOS, COUNTED), **P}, 1,
          "--grade '1 - No DR=0'", EVEN),
    Flags("Paraguay's seven folders", graded("{folder}/{name}.jpg", PARAGUAY), 1, "say what each means, --grade '1. ",
          [2, 2, 2, 4, 4], PARAGUAY),
    Flags("numbered words that are not counted from 1", {"train.csv": labels(APTOS, UNHEALTHY_WORDS), **P}, 1,
          "say what each means, --grade '5 Worse=?'", [0, 3, 3, 2, 2], {"5 Worse": 4}),
    Flags("lines without a grade", {"train.csv": table(APTOS, A) + table("", Q[10:], "{name},"), **Q_PICTURES}, 1,
          "5 lines have none, the first at train.csv, line 12", EVEN, unused=5),
    Flags("grades of edema before those of retinopathy", {
        "labels.csv": table("file,dme_grade,dr_grade", A, "{name},2,{grade}"), **P,
    }, 1, "--grade-column dr_grade", EVEN),
    Flags("grades on two scales", {
        "labels.csv": table("file,DR_SDRG,DR_ICDR", A, "{name},3,{grade}"), **P,
    }, 1, "--grade-column DR_ICDR", EVEN),
    Flags("folders R0 to R3", graded("{folder}/{name}.png", ENGLAND, 3), 1, "screening in the UK, which are another",
          [3, 3, 0, 3, 3], ENGLAND),
    Flags("R0 to R3 in a label file", {"train.csv": labels(APTOS, ENGLAND), **P}, 1, "screening in the UK",
          [3, 3, 0, 2, 2], ENGLAND),
    Flags("Spanish folders", graded("{folder}/{name}.png", SPANISH), 1, "may be grades: say what each means", EVEN,
          SPANISH),
    Flags("Spanish words in a label file", {"train.csv": labels(APTOS, SPANISH), **P}, 1, "say what each means", EVEN,
          SPANISH),
    Flags("German folders below splits", {
        **graded("train/{folder}/{name}.png", ("normal", *GERMAN)),
        **graded("test/{folder}/{name}.png", ("normal", *GERMAN), 1, 50),
    }, 1, "may be grades", [3, 3, 3, 3, 3], GERMAN),
    Flags("one word of another language", graded("{folder}/{name}.png", ("No_DR", "Mild", "Moderate", "Severe",
          "Proliferativa")), 1, "say no grade: say what each means", EVEN, {"Proliferativa": 4}),
    Flags("-1 in a label file", {"train.csv": labels(APTOS, ("0", "1", "2", "3", "4", "-1")), **P}, 1, "'-1=?'",
          [3, 2, 2, 2, 1], {"-1": 0}),
    Flags("words of another language under another header", {"liste.csv": labels("datei,stufe", SPANISH), **P}, 1,
          "--labels liste.csv --image-column datei --grade-column stufe", EVEN, SPANISH),
    Flags("a label file with another header and a blank in its name", {
        "my list.csv": labels("file name,dr stage", "01234"), **P,
    }, 1, "--labels 'my list.csv' --image-column 'file name' --grade-column 'dr stage'", EVEN),
    Flags("folders that disagree, the first", FOLDERS_DIFFER, 1, "find out which is right", EVEN),
    Flags("folders that disagree, the second", FOLDERS_DIFFER, 1, "or the second by", [1, 2, 3, 2, 2], choice=1),
    Flags("a label file that disagrees by a guess, the second", {
        "ratings.csv": table("file,dr_grade", A), **pictures_by_grade("f/{folder}/{name}.png", A, wrong=2),
    }, 0, "or the second by --labels ratings.csv", EVEN, choice=1),
    Flags("a test.csv of its own columns beside folders", {
        **graded("train/{folder}/{name}.png", NUMBERS), "test.csv": table("name,dr_stage", B),
        **pictures("test/{}.png", B),
    }, 1, "read it alone with --labels test.csv", EVEN, choice=1, unused=5),
    Flags("folders of grades of a validation split beside a label file", {
        "train.csv": table(APTOS, A), **pictures("train_images/{}.png", A),
        **graded("val/{folder}/{name}.png", NUMBERS, 1, 60),
    }, 1, "list them in the label file, or leave them out with --layout aptos", EVEN, unused=5),
    Flags("two classes by number", graded("{folder}/{name}.png", "01", 5), 1, "with --layout folders", [5, 5, 0, 0, 0]),
    Flags("two label files that overlap", {
        "labels a.csv": table(APTOS, Q), "labels_b.csv": table(APTOS, Q[1:]), **Q_PICTURES,
    }, 1, "choose one with --labels", [3, 3, 3, 3, 2], unused=1),
]  # fmt: skip


class Edit(NamedTuple):
    """A data set, what check says of it, and the grades after a change: file -> content, or `-> file` for its name."""

    name: str
    files: Files
    sentence: str
    change: dict[str, Content]
    grades: list[int]
    splits: tuple[int, int, int] = (10, 0, 0)


PHOTOS = pictures("p/{}.png", [f"{n}_{eye}" for n in range(5) for eye in "lr"])
VALID = {**pictures("train_images/{}.png", A), **pictures("val_images/{}.png", B), "train.csv": table(APTOS, A)}

BY_EDITS = [
    Edit("all in a test folder", graded("test/{folder}/{name}.png", NUMBERS), "all 10 are in test by the names of "
         "label files and folders, or by a column of splits; mend what says so", {"test": "-> fundus"}, EVEN),
    Edit("all in valid.csv", {"valid.csv": table(APTOS, A), **P}, "all 10 are in val by", {"valid.csv": "-> all.csv"},
         EVEN),
    Edit("both eyes in a line", {"labels.csv": TWO_EYES, **PHOTOS}, "it has two pictures in a line ('left_image', "
         "'right_image'): write a line for each, in a label file with the header `image,level,patient`",
         {"long.csv": ONE_EYE}, EVEN),
    Edit("both eyes in a line of a test.csv", {"test.csv": TWO_EYES, **PHOTOS, **P, "train.csv": table(APTOS, A)},
         "with the header `id_code,diagnosis,patient`, or leave it out with --layout aptos", {
         "test.csv": ONE_EYE.replace("image,level", APTOS), "train.csv": labels(f"{APTOS},patient", "01234",
         line="{0},{1},{0}")}, [4, 4, 4, 4, 4], (10, 0, 10)),
    Edit("a column for each grade", {"labels.csv": EACH_GRADE, **P}, "it has a column for each grade (No_DR, Mild, "
         "Moderate, Severe, PDR): write them as one, `level`, of 0 to 4", {"labels.csv": table(KAGGLE, A)}, EVEN),
    Edit("no header", {"train.csv": table("", A), **P}, "add the header `image,level` above",
         {"train.csv": table("image,level", A)}, EVEN),
    Edit("no header, and semicolons", {"train.csv": table("", A, "{name};{grade}"), **P},
         "add the header `image;level`", {"train.csv": table("image;level", A, "{name};{grade}")}, EVEN),
    Edit("no header, and three columns", {"train.csv": table("", A, "x,{name},{grade}"), **P},
         "add the header `column0,image,level`", {"train.csv": table("column0,image,level", A, "x,{name},{grade}")},
         EVEN),
    Edit("no header, and blanks", {
        "train.txt": "".join(f"{name} {WORDS[n % 5]}\n" for n, name in enumerate(A)), **P,
    }, "begins with 'e000f No_DR' (train.txt, line 1): add the header `image level` above its first line", {
        "train.txt": "".join(f"{line}\n" for line in ("image level", *(f"{name} {WORDS[n % 5]}" for n, name in
                             enumerate(A)))),
    }, EVEN),
    Edit("no header in a valid.csv", {**VALID, "valid.csv": table("", B)}, "add the header `id_code,diagnosis` above",
         {"valid.csv": table(APTOS, B)}, [3, 3, 3, 3, 3], (10, 5, 0)),
    Edit("a valid.csv of its own columns", {**VALID, "valid.csv": table("name;dr_stage", B, "{name};{grade}")},
         "call `name` and `dr_stage` `id_code` and `diagnosis` as in `train.csv`, so that both are read",
         {"valid.csv": table("id_code;diagnosis", B, "{name};{grade}")}, [3, 3, 3, 3, 3], (10, 5, 0)),
    Edit("two collections", {
        "eyepacs/trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("eyepacs/train/{}.jpeg", eyes(5)),
        "aptos/train.csv": table(APTOS, A), **pictures("aptos/train_images/{}.png", A),
    }, "call `id_code` and `diagnosis` `image` and `level` as in `eyepacs/trainLabels.csv`",
        {"aptos/train.csv": table(KAGGLE, A)}, [4, 4, 4, 4, 4], (20, 0, 0)),
    Edit("a title with a comma above semicolons", {"train.csv": "Grades, 2019\n" + table("id_code;diagnosis", A,
         "{name};{grade}"), **P}, "none names a picture that lies there; correct the names, delete what stands above",
         {"train.csv": table("id_code;diagnosis", A, "{name};{grade}")}, EVEN),
    Edit("an Excel table", {"train.xlsx": b"PK", **P}, "save it as `train.csv`", {"train.csv": table(APTOS, A)}, EVEN),
    Edit("a Parquet file of a validation split", {**VALID, "valid.parquet": b"PAR1"}, "save it as `valid.csv`",
         {"valid.csv": table(APTOS, B), "valid.parquet": "-> old.parquet"}, [3, 3, 3, 3, 3], (10, 5, 0)),
    Edit("an image listed twice", {"train.csv": table(APTOS, [*A, *A[:1]]), **P}, "delete one line of each",
         {"train.csv": table(APTOS, A)}, EVEN),
    Edit("folds that are numbered like grades", {
        f"{fold}/{word}/{fold}{number}f.png": None for fold in "01" for number, word in enumerate(NUMBERS)
    }, "rename the outer folders (such as `fold1`)", {"0": "-> fold0", "1": "-> fold1"}, EVEN),
    Edit("photographs of another split's folder", {
        "train.csv": table(APTOS, [*A, *B]), **pictures("train/{}.png", A), **pictures("val/{}.png", B),
    }, "call the label file by a name that says no split, such as labels.csv", {"train.csv": "-> labels.csv"},
        [3, 3, 3, 3, 3], (10, 5, 0)),
    Edit("one picture for each eye that is missing", {
        "trainLabels.csv": table(KAGGLE, eyes(10)), **pictures("train/{}.png", eyes(10)),
        **{f"train/{n}_left.png": picture(900, "PNG") for n in range(5)},
    }, "delete these images and their lines where they show no retina", {
        "trainLabels.csv": table(KAGGLE, [f"{n}_right" for n in range(10)]),
        **{f"train/{n}_left.png": f"-> ../gone{n}.png" for n in range(5)},
    }, EVEN),
    Edit("HEIC files", {"train.csv": table(APTOS, A), **pictures("p/{}.png", A[1:]), "p/e000f.heic": b"ftyp"},
         "convert them to PNG", {"p/e000f.png": None, "p/e000f.heic": "-> old/e000f.heic"}, EVEN),
    Edit("names with folders of another machine", {"train.csv": table(APTOS, A, "aptos/{name}.png,{grade}"),
         **pictures("train_images/{}.png", A)}, "where these are the same ones, give the plain name, without folders",
         {"train.csv": table(APTOS, A)}, EVEN),
    Edit("names with more", {"train.csv": table(APTOS, A), **pictures("p/{}_small.png", A)},
         "where these are the same ones, correct the names",
         {"train.csv": table(APTOS, [f"{name}_small" for name in A])}, EVEN),
]  # fmt: skip

S = names(20)
WITH_SPLITS = table(f"{KAGGLE},split", S[:15], "{name},{grade},train") + table("", S[15:], "{name},{grade},test")
LISTED = {"labels.csv": table(KAGGLE, S), **pictures("im/{}.jpg", S)}
NOT_GOOD = table(f"{KAGGLE},gradable", S[:15], "{name},{grade},1") + table("", S[15:], "{name},{grade},0")

BY_WARNINGS = [
    Edit("a table of splits beside the labels", {**LISTED, "split.csv": WITH_SPLITS.replace("level", "age")},
         "say train, val or test in a column `split` of the label file", {"labels.csv": WITH_SPLITS}, DOUBLE,
         (15, 0, 5)),
    Edit("a table of splits beside folders of grades", {
        "split.csv": WITH_SPLITS.replace("level", "age"), **{f"{n % 5}/{name}.jpg": None for n, name in enumerate(S)},
    }, "of the label file (such as `image,level,split`)", {"labels.csv": WITH_SPLITS}, DOUBLE, (15, 0, 5)),
    Edit("splits in a JSON file", {**LISTED, "splits.json": "{}"}, "`splits.json` may say splits by its name",
         {"labels.csv": WITH_SPLITS}, DOUBLE, (15, 0, 5)),
    Edit("a column of splits that says yes and no", {
        **LISTED,
        "labels.csv": WITH_SPLITS.replace(",split", ",for_test").replace(",train", ",no").replace(",test", ",yes"),
    }, "'for_test' of `labels.csv` may say splits, but is not read", {"labels.csv": WITH_SPLITS}, DOUBLE, (15, 0, 5)),
    Edit("a file of qualities", {**LISTED, "quality.csv": NOT_GOOD.replace("level,gradable", "age,quality")},
         "write a column `gradable`, with 0 for those that are and 1 for the others", {"labels.csv": NOT_GOOD},
         [3, 3, 3, 3, 3], (15, 0, 0)),
    Edit("a list of pairs of images", {
        **LISTED, "pairs.csv": "one,two\n" + "".join(f"{S[n]},{S[n + 1]}\n" for n in range(0, 20, 2)),
    }, "give its images one value in a column `patient`", {
        "labels.csv": "image,level,patient\n" + "".join(f"{name},{n % 5},p{n // 2}\n" for n, name in enumerate(S)),
    }, DOUBLE, (20, 0, 0)),
    Edit("a grade that is not unpacked", {
        **graded("{folder}/{name}.jpg", "0134", 4), "2.zip": b"PK",
    }, "unpack it, or move it away", pictures("2/{}.jpg", S[-4:]), DOUBLE, (20, 0, 0)),
]  # fmt: skip


def said(report: dict[str, Any]) -> list[str]:
    """The sentences of the findings and the verdict."""
    return [*(one["text"] for one in report.get("findings", [])), report["verdict"]["text"]]


def sums(report: dict[str, Any]) -> list[int]:
    return [sum(grades) for grades in zip(*report["grades"].values(), strict=True)]


@pytest.mark.parametrize("row", BY_FLAGS, ids=lambda row: row.name)
def test_flags_that_are_named_read_it(row: Flags, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    folder, flags = build(tmp_path / "data", row.files), ""
    for step in range(3):  # one sentence may lead to another
        code, report, _ = check(folder, flags, monkeypatch, capsys)
        texts = [text for text in said(report) if FLAGS.search(text) and (step or row.sentence in text)]
        if step == 0:
            assert code == row.code and texts, report
        if step and "grades" in report:
            break
        flags += " " + FLAGS.findall(texts[0].replace("--allow-unused", ""))[row.choice]
        for word, grade in row.answers.items():
            flags = flags.replace(f"{word}=?", f"{word}={grade}")
    assert code == 0 and sums(report) == row.grades, (flags, report["verdict"], said(report))
    assert report["verdict"]["unused"] == row.unused
    assert row.unused or not any("counted from 1" in text for text in said(report))


@pytest.mark.parametrize("row", BY_EDITS, ids=lambda row: row.name)
def test_edits_that_are_named_make_it_fit(row: Edit, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    folder = build(tmp_path / "data", row.files)
    code, report, _ = check(folder, "", monkeypatch, capsys)
    assert code == 1 and any(row.sentence in text for text in said(report)), said(report)
    for name, content in row.change.items():
        if isinstance(content, str) and content.startswith("-> "):
            (folder / content[3:]).parent.mkdir(exist_ok=True)
            shutil.move(folder / name, folder / content[3:])
        else:
            build(folder, {name: content})
    code, report, _ = check(folder, "", monkeypatch, capsys)
    assert code == 0 and sums(report) == row.grades, said(report)
    assert tuple(report["images"].get(split, 0) for split in ("train", "val", "test")) == row.splits


@pytest.mark.parametrize("row", BY_WARNINGS, ids=lambda row: row.name)
def test_what_a_warning_names_is_read_after_the_edit(row: Edit, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    folder = build(tmp_path / "data", row.files)
    code, report, _ = check(folder, "", monkeypatch, capsys)
    assert code == 0 and any(row.sentence in text for text in said(report)), said(report)
    code, report, _ = check(build(folder, row.change), "", monkeypatch, capsys)
    assert code == 0 and sums(report) == row.grades, said(report)
    assert tuple(report["images"].get(split, 0) for split in ("train", "val", "test")) == row.splits
    assert not any(row.sentence in text for text in said(report))
