"""What names of folders, pictures and columns say beside the grades: sites, splits, masks, words for the grades."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.retina_data.as_people_have_them.builder import names, pictures, table
from tests.retina_data.as_people_have_them.test_forms import APTOS, EVEN, KAGGLE, NUMBERS, WORDS, A, Row, assert_read

TWENTY = names(20)
CODES = sorted(WORDS)
ROWS = [
    *(
        Row(f"{what} with folders of grades in each", {
            f"{outer}/{inner}/{outer}x{number}{each}f.png": None
            for outer in outers for number, inner in enumerate(inners) for each in "abc"
        }, "", 15 * len(outers), 0, [3 * len(outers)] * 5, 15 * len(outers), (15 * len(outers), 0, 0), 0,
            "Fit to train on")
        for what, outers, inners in (
            ("six sites", "123456", WORDS),
            ("five sites", "12345", NUMBERS),
            ("three folds", "123", WORDS),
            ("twelve months", [str(month) for month in range(1, 13)], WORDS),
        )
    ),
    Row("numbered sites in folders of splits", {
        f"{split}/{site}/{word}/{split}{site}x{number}{each}f.png": None
        for split in ("train", "test") for site in "123456" for number, word in enumerate(WORDS) for each in "abc"
    }, "", 180, 0, [36] * 5, 180, (90, 0, 90), 0, "Fit to train on"),
    Row("patients with folders of grades in each", {
        f"{patient}/{patient % 5}/{eye}.png": None for patient in range(1, 21) for eye in ("left", "right")
    }, "", 40, 0, [8] * 5, 20, (40, 0, 0), 0, "Fit to train on"),
    Row("grades with folders of patients in each", {
        f"{patient % 5}/{patient}/{eye}.png": None for patient in range(1, 21) for eye in ("left", "right")
    }, "", 40, 0, [8] * 5, 20, (40, 0, 0), 0, "Fit to train on"),
    Row("codes of grades in the order of the alphabet", {
        "train.csv": "id_code,diagnosis,class_name\n" + "".join(
            f"{name},{CODES.index(WORDS[n % 5])},{WORDS[n % 5]}\n" for n, name in enumerate(A)),
        **pictures("im/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 1, "read the words with --image-column id_code --grade-column class_name"),
    Row("another reader's grades in words", {
        "train.csv": "id_code,diagnosis,second reader\n" + "".join(
            f"{name},{n % 5},{WORDS[n % 5 if n else 1]}\n" for n, name in enumerate(A)),
        **pictures("im/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "1 of 10 lines of `train.csv` have another grade by the column"),
    Row("a file of codes beside the labels", {
        "labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A),
        "class_indices.json": json.dumps({word: number for number, word in enumerate(CODES)}),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "`class_indices.json` says that '0' is 'Mild': if the labels are these"),
    Row("a file of codes that are the grades", {
        "labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A),
        "class_indices.json": json.dumps({number: word for number, word in enumerate(WORDS)}),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    *(Row(f"codes in {file}", {
        "labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A), file: content,
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, f"`{file}` says that '0' is 'Mild': if the labels are these")
      for file, content in (
        ("classes.txt", "Mild\nModerate\nNo_DR\nProliferate_DR\nSevere\n"), ("class_names.txt", "0 Mild\n2 No DR\n"),
        ("data.yaml", "nc: 5\nnames: [Mild, Moderate, No DR]\n"), ("label_map.csv", "code,name\n0,Mild\n2,No_DR\n"),
        ("labels.yml", "names:\n  0: Mild\n  2: No DR\n"), ("classes.json", '["Mild", "Moderate", "No DR"]'),
    )),
    *(Row(f"codes in {file} that are the grades", {
        "labels.csv": table(KAGGLE, A), **pictures("im/{}.png", A), file: content,
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on, with 1 warning") for file, content in (
        ("classes.txt", "No_DR\nMild\nModerate\nSevere\nProliferate_DR\n"),
        ("data.yaml", "names: {0: No DR, 1: Mild}\n"),
        ("class_notes.txt", "Mild cases were read twice.\n"), ("data.yaml.json", "{"),
    )),
    Row("severities of macular edema in words", {
        "train.csv": table("id_code,diagnosis,dme", A, "{name},{grade},Mild") + "e090f,0,Severe\n",
        **pictures("im/{}.png", [*A, "e090f"]),
    }, "", 11, 0, [3, 2, 2, 2, 2], 11, (11, 0, 0), 0, "Fit to train on"),
    Row("masks of lesions in folders of two letters", {
        "labels.csv": table(KAGGLE, A), **pictures("Original/{}.jpg", A),
        **{f"{lesion}/{name}.png": None for lesion in ("EX", "HE", "MA", "SE") for name in A},
    }, "", 10, 40, EVEN, 10, (10, 0, 0), 0, "not used: 40 pictures (40 masks"),
    Row("masks of vessels beside photographs", {
        "labels.csv": table(KAGGLE, A), **pictures("BV/{}.png", A), **pictures("Fundus/{}.jpg", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "not used: 10 pictures (10 masks"),
    Row("two fields of each eye", {
        "labels.csv": table(KAGGLE, A), **pictures("Disc/{}.jpg", A), **pictures("Macula/{}.jpg", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "have the names of those of"),
    Row("hospitals whose names have a word of a split", {
        f"{split}/{clinic}/{grade}/{split}{clinic[0]}{grade}f.png": None
        for split in ("train", "test") for clinic in ("Apollo", "Dev Eye Hospital", "Val-de-Grace") for grade in NUMBERS
    }, "", 30, 0, [6] * 5, 30, (15, 0, 15), 0, "Fit to train on"),
    Row("splits in the names of pictures", {
        f"{n % 5}/{'train' if n < 15 else 'test'}_{n:03}.png": None for n in range(20)
    }, "", 20, 0, [4] * 5, 20, (20, 0, 0), 0, "the images' names say splits"),
    *(Row(f"a split in the names of some pictures, {name}", {
        "labels.csv": table(APTOS, [*A, *(name.format(one) for one in A)]),
        **pictures("im/{}.png", [*A, *(name.format(one) for one in A)]),
    }, "", 20, 0, [4] * 5, patients, (20, 0, 0), 0, "the images' names say splits")
      for name, patients in (("{}1test", 20), ("{}2_val", 20))),
    Row("a split that is called eval", {
        f"{split}/{grade}/{split[0]}{split[1]}{grade}{each}f.png": None
        for split in ("train", "eval", "test") for grade in NUMBERS for each in "ab"
    }, "", 30, 0, [6] * 5, 30, (10, 10, 10), 0, "Fit to train on"),
    Row("splits in the names of a label file's pictures", {
        "labels.csv": table(APTOS, [f"{name}_{'train' if n < 15 else 'val'}" for n, name in enumerate(TWENTY)]),
        **{f"im/{name}_{'train' if n < 15 else 'val'}.png": None for n, name in enumerate(TWENTY)},
    }, "", 20, 0, [4] * 5, 20, (20, 0, 0), 0, "the images' names say splits"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_names_say_what_they_say(row: Row, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert_read(row, tmp_path, monkeypatch, capsys)
