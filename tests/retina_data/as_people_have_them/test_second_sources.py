"""Signs around grades, second label files and columns, and files that may have grades: none is left out in silence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.retina_data.as_people_have_them.builder import graded, names, picture, pictures, table
from tests.retina_data.as_people_have_them.test_forms import (  # fmt: skip
    APTOS,
    DOUBLE,
    EVEN,
    KAGGLE,
    NUMBERS,
    A,
    B,
    Row,
    assert_read,
    refused,
)

C20 = names(20, 40)
LABELS = {"labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A)}
MORE = pictures("im/{}.png", B)
SPANISH = ("Sano", "Leve", "Moderado", "Severo", "Proliferativo")
HALF = {"train/metadata.csv": table("file_name,label", A, "{name}.png,{grade}"), **pictures("train/{}.png", A),
        **pictures("test/{}.png", B)}  # fmt: skip
SITES = {"siteA/labels.csv": table(KAGGLE, A), **pictures("siteA/{}.png", A), **pictures("siteB/{}.png", B)}
VALID = {"train.csv": table(APTOS, A), **pictures("images/{}.png", A), **pictures("val_images/{}.png", B)}


def second(words: Any, line: str = "{},{}", header: str = "") -> str:
    """A second label file, of the pictures of B."""
    lines = [line.format(*pair) for pair in zip(B, words, strict=True)]
    return "".join(f"{text}\n" for text in [*([header] if header else []), *lines])


def left_out(name: str, files: Any, sentence: str) -> Row:
    """A data set of ten images, beside five more whose grades are not read."""
    return Row(name, files, "", 10, 5, EVEN, 10, (10, 0, 0), 1, sentence)


ROWS = [
    *(Row(f"a few pictures in a folder {folder} beside one of a split", {
        **graded("train/{folder}/{name}.png", NUMBERS), **graded(f"{folder}/{{folder}}/{{name}}.png", NUMBERS, 1, 20),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "the pictures of 1 folder are in no split that the files name")
      for folder in ("traning", "uji", "site2")),
    *(Row(f"patients that are counted anew at each {name}", {
        "labels.csv": f"{KAGGLE},patient_id,{name}\n" + "".join(
            f"{one},{n % 5},{n % 10},{'Lyon' if n < 10 else 'Nantes'}\n" for n, one in enumerate(C20)),
        **pictures("{}.png", C20),
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0,
        f"10 of 10 patients of `labels.csv` stand at more than one '{name}', such as '0'")
      for name in ("centre", "site", "hospital")),
    Row("a path of another machine beside the names", {
        "train.csv": table(APTOS, A), "more.csv": "filepath,filename,level\n" + "".join(
            f"../input/x/{name}.png,{name}.png,{n % 5}\n" for n, name in enumerate(B)),
        **pictures("images/{}.png", [*A, *B]),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1, "call `filename` and `level` `id_code` and `diagnosis` as in `train.csv`"),
    *(Row(f"all pictures of a grade as {end}", {
        **graded("{folder}/{name}.png", "0123"), **{f"4/{name}{end}": data for name in B[:2]},
    }, "", 8, 2, [2, 2, 2, 2, 0], 8, (8, 0, 0), 1, f"2 pictures in folders of grades (`4/{B[0]}{end}`, ")
      for end, data in ((".tga", b"x"), (".gif", b"GIF89a"), (".dcm", b"x"), ("", picture(70, "JPEG")))),
    *(Row(f"pictures in a folder {folder}", {
        **graded("kept/{folder}/{name}.png", NUMBERS), **graded(f"{folder}/{{folder}}/{{name}}.png", NUMBERS, 1, 20),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, f"5 pictures in `{folder}` may be {what} by the folder's name")
      for folder, what in (("rejected", "set aside"), ("excluded", "set aside"), ("DME", "of something else"),
                           ("glaucoma", "of something else"), ("OCT", "of something else"),
                           ("predictions", "of something else"))),
    Row("gradable and ungradable pictures called valid and invalid", {
        **graded("valid/{folder}/{name}.png", NUMBERS), **graded("invalid/{folder}/{name}.png", NUMBERS, 1, 20),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (5, 10, 0), 1, "a folder `valid` beside `invalid` says which pictures can be"),
    *(Row(f"a test split called {folder}", {
        **graded("train/{folder}/{name}.png", NUMBERS), **graded(f"{folder}/{{folder}}/{{name}}.png", NUMBERS, 1, 20),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on")
      for folder in ("hold_out", "hold-out", "unseen", "tst")),
    *(Row(f"a second opinion called {name}", {
        "labels.csv": table(f"{KAGGLE},{name}", A, "{name},{grade},0"), **pictures("{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, f"the column '{name}' of `labels.csv` has other grades than 'level'")
      for name in ("grader2", "grader_1", "reader_2", "doctor1", "Dr_reading_2")),
    *(Row(f"a column {name} whose values stand twice each", {
        "labels.csv": f"{KAGGLE},{name}\n" + "".join(f"{one},{n % 5},K{n // 2}\n" for n, one in enumerate(C20)),
        **pictures("{}.png", C20),
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, f"the column '{name}' of `labels.csv` may be of patients, but is not read")
      for name in ("RUT", "cedula", "no_rm", "examinee", "person_hash")),
    Row("surnames that are words of copies", {
        f"{n % 5}/John_{name}_{eye}.png": None for n, name in enumerate(("Green", "Gray", "Raw", "Brown", "Smith"))
        for eye in ("left", "right")
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on"),
    *(Row(f"a folder {word} beside those of grades", {
        **graded("{folder}/{name}.png", NUMBERS), f"{word}/x00.png": None,
    }, "", 10, 1, EVEN, 10, (10, 0, 0), 1, f"say what each means, --grade '{word}=?'")
      for word in ("-1", "grade_-1", "1+", "2?", "<1", ">=3", "Severe?", "!Mild", "~Mild", "\u22121", "\u22653")),
    *(refused(f"a field {word} of a label file", {
        **LABELS, "labels.csv": table(KAGGLE, A) + f"{B[0]},{word}\n", **MORE,
    }, "", f"say what each means, --grade '{word}=?'")
      for word in ("\u20131", "\u22121", "- 1", "\u22653", "\u00b13", "Mild+", "-Mild", "\u2265 Mild", "Mild\uff1f")),
    Row("fields with signs that say what they are", {
        **LABELS, **MORE,
        "labels.csv": table(KAGGLE, A) + f"{B[0]},(3)\n{B[1]},#3\n{B[2]},3.\n{B[3]},'3\n{B[4]},\u22653\n",
    }, "--grade \u22653=4", 15, 0, [2, 2, 2, 6, 3], 15, (15, 0, 0), 0, "Fit to train on"),
    Row("folders in words with accents taken apart, and flags with composed ones", {
        f"{folder}/{name}.png": None for folder, name in zip(
            ("Sano", "Le\u0301ge\u0300re", "Mode\u0301re\u0301e", "Se\u0301ve\u0300re", "Prolif") * 2, A, strict=True)
    }, "--grade Sano=0 --grade L\u00e9g\u00e8re=1 --grade Mod\u00e9r\u00e9e=2 --grade S\u00e9v\u00e8re=3 "
        "--grade Prolif=4", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    *(Row(f"two pictures and two grades in a line of {header}", {
        "labels.csv": f"{header}\n" + "".join(f"{name},{n % 5},{name}y,{n % 5}\n" for n, name in enumerate(A)),
        **pictures("im/{}.png", A), **pictures("im/{}y.png", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 1, "write a line for each picture, in a label file with the header")
      for header in ("image,level,image2,level2", "id_code,diagnosis,id_code2,diagnosis2")),
    Row("a column of masks, which are no pictures of eyes", {
        "labels.csv": table(f"{KAGGLE},drawn", A, "{name},{grade},{name}_ex"),
        **pictures("im/{}.png", A), **pictures("drawn/{}_ex.png", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "Fit to train on, with 1 warning"),
    # a second label file with grades of pictures that the first does not list
    left_out("no header", {**LABELS, **MORE, "more.csv": second(NUMBERS)}, "add the header `image,level` above"),
    left_out("Spanish words", {**LABELS, **MORE, "more.csv": second(SPANISH, header="imagen,grado")},
             "call `imagen` and `grado` `image` and `level` as in `labels.csv`, so that both are read"),
    left_out("1 to 5", {**LABELS, **MORE, "more.csv": second("12345", header="bild,stufe")}, "call `bild` and `stufe`"),
    left_out("the UK's grades", {
        **LABELS, **MORE, "more.csv": second(("R0", "R1", "R2", "R3", "R0"), header="picture,rgrade"),
    }, "call `picture` and `rgrade`"),
    left_out("a text file without header", {**LABELS, **MORE, "more.txt": second(NUMBERS, "{} {}")},
             "`more.txt` has grades of 5 pictures that are not used: add the header"),
    *(Row(f"a second file of {what}", {**LABELS, **MORE, file: content}, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "Fit")
      for what, file, content in (
          ("cameras", "cameras.csv", table("image,camera", [*A, *B], "{name},camera {grade}")),
          ("ages", "ages.csv", table("image,age", B, "{name},5{grade}")),
          ("names alone", "list.csv", table("image", B, "{name}")),
          ("pairs", "pairs.txt", f"{B[0]} {B[1]}\n{B[2]} {B[3]}\n"),
          ("other things", "README.txt", "These are photographs.\nThey have grades from 0 to 4.\n"),
      )),
    # files that are not read and may have grades
    *(left_out(f"test/{file}", {**HALF, f"test/{file}": content}, "it may have the grades of 5 unused pictures")
      for file, content in (
          ("metadata.json", "{}"), ("metadata.jsonl", f'{{"file_name": "{B[0]}.png"}}\n'),
          ("info.json", f'["{B[0]}.png"]'),
          ("metadata.xlsx", b"PK"), ("metadata.parquet", b"PAR1"), ("metadata.csv.gz", b"\x1f\x8b"))),
    Row("a JSON file that names no picture", {**HALF, "test/settings.json": '{"a": 1}'}, "", 10, 5, EVEN, 10,
        (10, 0, 0), 0, "Fit to train on"),
    left_out("a spreadsheet of another site", {**SITES, "siteB/labels.xls": b"\xd0\xcf"},
             "`siteB/labels.xls` is an Excel table, which is not read: save it as `siteB/labels.csv`"),
    *(left_out(file, {**VALID, file: b"\x00"}, f"`{file}` is {kind}, which is not read: save it as `valid.csv`")
      for file, kind in (
          ("valid.psv", "a table with other delimiters"), ("valid.dat", "a data file"),
          ("valid.numbers", "a Numbers table"), ("valid.gsheet", "a link to a Google table"),
          ("valid.sqlite", "a database"), ("valid.csv.bak", "a copy of a table"), ("valid.csv.gz", "a packed table"),
          ("valid.csv.zip", "a packed table"))),
    Row("an older copy of a table that is read", {
        **LABELS, "labels.csv.bak": table(KAGGLE, A[1:]), "old_labels.csv.bak": table(KAGGLE, A[1:]),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "not used: 1 label file"),
    Row("a copy of a table that is read", {**LABELS, "labels.csv.bak": "", "labels.csv.zip": b"PK"}, "", 10, 0, EVEN,
        10, (10, 0, 0), 0, "Fit to train on"),
    Row("a table that is called .tab", {**VALID, "valid.tab": second(NUMBERS, "{}\t{}", "id_code\tdiagnosis")}, "", 15,
        0, [3, 3, 3, 3, 3], 15, (10, 5, 0), 0, "Fit to train on"),
    # columns beside those that are read
    *(Row(f"a column gradable that says {yes} and {no}", {
        "labels.csv": table(f"{KAGGLE},gradable", A, f"{{name}},{{grade}},{yes}")
        + table("", B, f"{{name}},{{grade}},{no}"), **pictures("im/{}.png", [*A, *B]),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 ungradable)") for yes, no in (
        ("ja", "nein"), ("good", "bad"), ("OK", "not ok"), ("1.0", "0.0"), ("Gradable", "Ungradable"), ("oui", "non"))),
    *(refused(f"a column gradable that says {yes!r} and {no!r}", {
        "labels.csv": table(f"{KAGGLE},gradable", A, f"{{name}},{{grade}},{yes}")
        + table("", B, f"{{name}},{{grade}},{no}"), **pictures("im/{}.png", [*A, *B]),
    }, "", f"a field of the column `gradable` must be 1 or 0, but got {named!r} (labels.csv, line {line})")
      for yes, no, named, line in (("G", "U", "G", 2), ("1", "2", "2", 12), ("1", "", "", 12), ("A", "B", "A", 2))),
    *(Row(f"a second column of grades, {name}", {
        "labels.csv": table(f"{KAGGLE},{name}", A, "{name},{grade},{grade}") + f"{B[0]},0,3\n",
        **pictures("im/{}.png", [*A, B[0]]),
    }, "", 11, 0, [3, 2, 2, 2, 2], 11, (11, 0, 0), 0, sentence) for name, sentence in (
        *((name, f"the column '{name}' of `labels.csv` has other grades than 'level', which is read, for 1 image:")
          for name in ("diagnosis", "grade", "level_new", "DR_grade")),
        ("glaucoma_grade", "Fit to train on, with 1 warning"), ("dme", "Fit to train on, with 1 warning"),
    )),
    # names that lead elsewhere
    *(Row(f"names such as {path} in {file}", {
        file: table(header, A, f"{path.format('{name}')},{{grade}}"), **pictures(f"{folder}/{{}}.png", A),
    }, "", 0, 10, EVEN, 10, (10, 0, 0), 1, "lie in other folders than the names say")
      for path, file, header, folder in (
        ("aptos/images/{}.png", "train.csv", APTOS, "train_images"),
        ("aptos/images/{}.png", "labels.csv", KAGGLE, "im"),
        ("https://example.org/x/{}.png", "labels.csv", KAGGLE, "im"))),
    Row("pictures that iCloud has not downloaded", {
        **graded("{folder}/{name}.png", NUMBERS), "3/.b1.png.icloud": b"bplist00", "3/.b2.png.icloud": b"bplist00",
    }, "", 10, 2, EVEN, 10, (10, 0, 0), 0, "not used: 2 pictures (2 not downloaded from iCloud yet)"),
    Row("listed pictures that iCloud has not downloaded", {
        "labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A[1:]), f"im/.{A[0]}.png.icloud": b"bplist00",
    }, "", 9, 1, EVEN, 10, (10, 0, 0), 1, "1 are not downloaded from iCloud yet ("),
    refused("a grade for each eye of a patient", {
        "grades.csv": "patient,left_grade,right_grade\n" + "".join(f"{n},{n},{n}\n" for n in range(5)),
        **pictures("im/{}.png", [f"{n}_{eye}" for n in range(5) for eye in ("left", "right")]),
    }, "", "a grade for each eye in a line ('left_grade', 'right_grade'): write a line for each eye, in a label file"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_second_sources(row: Row, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert_read(row, tmp_path, monkeypatch, capsys)


def test_rows_have_names_of_their_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
