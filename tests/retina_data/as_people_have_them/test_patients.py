"""Patients and splits as people name them: what `retina data check` makes of each; none torn apart in silence."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.retina_data.as_people_have_them.builder import eyes, graded, pictures, table
from tests.retina_data.as_people_have_them.test_forms import (
    APTOS,
    DOUBLE,
    EVEN,
    KAGGLE,
    NUMBERS,
    A,
    C,
    Row,
    assert_read,
)

IDS = "image,level,patient_id,eye"
DATED = [f"{day}_P{n:03}_{eye}" for day in (20190312, 20200401) for n in range(5) for eye in ("left", "right")]
VISIT_NAMES = (("T0", "T1"), ("V1", "V2"), ("baseline", "followup"), ("M0", "M12"), ("2019-03-12", "2020-04-01"),
               ("12.03.2019", "01.04.2020"), ("2019", "2020"), ("20190312_101500", "20200401_093000"))  # fmt: skip
VISIT_FOLDERS = (("2019", "2020"), ("Baseline", "FollowUp"), ("Visit 1", "Visit 2"), ("T0", "T1"))
NOBODY = "by a column for 5 images, by the names alone for 5; 5 of these have a value that names nobody"
ID_SPELLINGS = (  # of a patient's two images; patients, and what is said
    ("a spreadsheet's .0", "{}", "{}.0", 5, "Fit to train on: nothing was found"),
    ("zeros before numbers", "{:03}", "{}", 5, "5 patients spelled in several ways"),
    ("two letters' cases", "P{}", "p{} ", 5, "5 patients spelled in several ways"),
    *((f"{word!r} for nobody", "P{}", word, 10, NOBODY) for word in ("unknown", "N/A", "none", "-", "", "0")),
)  # fmt: skip
ID_COLUMNS = (("subject", "eye"), ("Subject ID", "laterality"), ("patientID", "side"), ("pid", "Eye"))
EYE_NAMES = (
    *((f"P{{n}}_{right}", f"P{{n}}_{left}") for right, left in (
        ("OD", "OI"), ("OD", "OE"), ("OD", "OG"), ("RE", "LE"), ("Rt", "Lt"), ("RA", "LA"), ("rechts", "links"),
        ("derecho", "izquierdo"), ("droit", "gauche"), ("direito", "esquerdo"))),
    *((name.format(eye="OD", n="{n}"), name.format(eye="OS", n="{n}")) for name in (
        "0{n}_{eye}_macula", "0{n}_{eye}_F1", "0{n}_{eye}_45deg", "0{n}_20190312101500_{eye}_FUNDUS",
        "{n}_{eye}_10-15-30", "Image {n} ({eye})", "Color_{eye}_P{n}")),
    *((f"{right}/{{n}}", f"{left}/{{n}}") for right, left in (
        ("RE", "LE"), ("Right Eye", "Left Eye"), ("right_eye", "left_eye"), ("Right images", "Left images"))),
)  # fmt: skip
TURNS = (
    ("r and l say turns", ("_r90", "_r180", "_l90")), ("fh and fv say flips", ("_fh", "_fv", "_r270")),
    ("r15 and the like say turns", ("_r15", "_r30", "_l15")), ("numbers say turns", ("_90", "-180", "_270deg")),
    ("flips are by words", ("_flip_lr", "_vertical_flip", "_hf")), ("numbers say copies", ("_0", "_1", "_2")),
)  # fmt: skip
DRAWN = [f"{random.Random(number).getrandbits(48):012x}" for number in range(20)]
MADE = ("bright", "zoom", "shift")
ID_NAMES = ("Patient Name", "Patienten-ID", "patnr", "patient_key", "id_paciente")
SPLIT_WORDS = (("entrenamiento", "prueba"), ("treino", "teste"), ("Entraînement", "Essai"))

ROWS = [
    Row("originals and their copies in folders of their own", {
        f"{place}/{n % 5}/{name}.png": None for place in ("original", "clahe_512", "augmented")
        for n, name in enumerate(eyes(5))
    }, "", 30, 0, [6, 6, 6, 6, 6], 5, (30, 0, 0), 0, "Fit to train on: nothing was found"),
    Row("augmented copies beside the training split, by a word before the name", {
        **{f"train/{n % 5}/{name}.png": None for n, name in enumerate(eyes(5))},
        **{f"train_aug/{n % 5}/aug_{k}_{name}.png": None for n, name in enumerate(eyes(5)) for k in (0, 1)},
        **{f"test/{n % 5}/{name}.png": None for n, name in enumerate(eyes(5, 10))},
    }, "", 40, 0, [8, 8, 8, 8, 8], 10, (30, 0, 10), 0, "Fit to train on: nothing was found"),
    Row("copies in folders of unknown names", {
        f"{place}/{n % 5}/{name}.png": None for place in ("sharp", "vivid") for n, name in enumerate(eyes(5))
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0,
        "patient is another one's by the name but for a folder, a few words or letters' case: 20; they are taken for"),
    Row("dates before the patient", {
        "trainLabels.csv": table(KAGGLE, DATED), **pictures("train/{}.png", DATED),
    }, "", 20, 0, DOUBLE, 5, (20, 0, 0), 0, "Fit to train on: nothing was found"),
    *(Row(f"visits after the patient: {first}, {second}", {
        f"{n % 5}/P{n:03}_{visit}_{eye}.png": None for n in range(5) for visit in (first, second) for eye in "LR"
    }, "", 20, 0, DOUBLE, 5, (20, 0, 0), 0, "Fit to train on: nothing was found") for first, second in VISIT_NAMES),
    Row("dates of an unknown form", {
        f"{n % 5}/P{n}_{day}03{n + 10}_{eye}.png": None for n in range(6) for day in (19, 20) for eye in "LR"
    }, "", 24, 0, [8, 4, 4, 4, 4], 12, (24, 0, 0), 0, "another one's by the name but for a folder, a few words"),
    *(Row(f"folders of visits: {first}, {second}", {
        f"{visit}/{n % 5}/{name}.png": None for visit in (first, second) for n, name in enumerate(eyes(5))
    }, "", 20, 0, DOUBLE, 5, (20, 0, 0), 0, "Fit to train on: nothing was found") for first, second in VISIT_FOLDERS),
    Row("a patient's eyes in two letters' cases", {
        f"{n % 5}/{name}.png": None for n in range(5) for name in (f"P{n}_left", f"p{n}_right")
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "5 patients spelled in several ways"),
    Row("two patients in two letters' cases", {
        f"{n % 5}/{name}.png": None for n in range(5) for case in "Pp"
        for name in (f"{case}{n}_left", f"{case}{n}_right")
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "for a folder, a few words or letters' case: 20; they are taken for"),
    Row("a column of patients in one of two label files", {
        "train.csv": "id_code,diagnosis,patient_id\n" + table("", enumerate(A), "{name[1]},{grade},{name[0]}"),
        "test.csv": table(APTOS, C), **pictures("p/{}.png", [*A, *C]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "names that tell no patient and eye: 5; each"),
    *(Row(f"a column of patients with {what}", {
        "train.csv": "id_code,diagnosis,patient\n"
        + "".join(f"{name},{n % 5},{(first, second)[n % 2].format(n // 2 + 1)}\n" for n, name in enumerate(A)),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, patients, (10, 0, 0), 0, sentence) for what, first, second, patients, sentence in ID_SPELLINGS),
    Row("eyes of a patient in two parts with label files of their own", {
        file: content for number, eye in enumerate(("left", "right"), 1) for file, content in {
            f"part{number}/labels.csv": table(IDS, range(5), f"{{name}}x{number},{{grade}},{{name}},{eye}"),
            **pictures(f"part{number}/p/{{}}x{number}.png", map(str, range(5))),
        }.items()
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "5 patients spelled in several ways"),
    Row("equal patients with equal eyes in two parts", {
        file: content for number in (1, 2) for file, content in {
            f"part{number}/labels.csv": table(IDS, range(5), f"{{name}}x{number},{{grade}},{{name}},L"),
            **pictures(f"part{number}/p/{{}}x{number}.png", map(str, range(5))),
        }.items()
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "for a folder, a few words or letters' case: 10; they are taken for"),
    Row("two label files of the same images, the second with patients", {
        "a.csv": table(APTOS, A), "b.csv": table("id_code,diagnosis,patient_id", A, "{name},{grade},{grade}"),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on"),
    Row("a list of patients that is not read", {
        "train.csv": table(APTOS, A), "patients.csv": table("id_code,patient_id", A, "{name},p{grade}"),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "`patients.csv` has a column of patients, 'patient_id', for 10 images, but"),
    *(Row(f"a column of patients that is called {column}, and one of eyes that is called {eye}", {
        "train.csv": f"id_code,diagnosis,{column},{eye}\n"
        + "".join(f"{name},{n % 5},p{n // 2},{'LR'[n % 2]}\n" for n, name in enumerate(A)),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on: nothing was found") for column, eye in ID_COLUMNS),
    Row("one eye of a patient twice, by the columns", {
        "train.csv": table("id_code,diagnosis,patient,eye", A, "{name},{grade},p{grade},OD"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "5 patients of the column have several images of one eye"),
    # splits in other words
    *(Row(f"folders {train} and {test}", {
        **graded(f"{train}/{{folder}}/{{name}}.png", NUMBERS),
        **graded(f"{test}/{{folder}}/{{name}}.png", NUMBERS, 1, 50),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on") for train, test in SPLIT_WORDS),
    Row("a folder validación", {
        **graded("train/{folder}/{name}.png", NUMBERS), **graded("validación/{folder}/{name}.png", NUMBERS, 1, 50),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 5, 0), 0, "Fit to train on"),
    Row("a column of splits in Spanish", {
        "train.csv": table("id_code,diagnosis,set", A, "{name},{grade},entrenamiento")
        + table("", C, "{name},{grade},prueba"),
        **pictures("p/{}.png", [*A, *C]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on"),
    Row("folders of splits in words that are not understood", {
        **graded("xunlian/{folder}/{name}.png", NUMBERS, 4), **graded("ceshi/{folder}/{name}.png", NUMBERS, 3, 50),
    }, "", 35, 0, [7, 7, 7, 7, 7], 35, (35, 0, 0), 0, "the pictures of 2 folders are in no split that the files name"),
    Row("a column of splits in words that are not understood", {
        "labels.csv": table("id_code,diagnosis,split", A, "{name},{grade},xunlian")
        + table("", C, "{name},{grade},ceshi"),
        **pictures("p/{}.png", [*A, *C]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "but is not read, as 'xunlian' is none of train, val and test"),
    # eyes, copies and columns in other words
    *(Row(f"both eyes as {right} and {left}", {
        f"{n % 5}/{name.format(n=n)}.png": None for n in range(10) for name in (right, left)
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "Fit to train on: nothing was found") for right, left in EYE_NAMES),
    Row("LE without RE is no eye", {
        f"{n % 5}/P{n}_{word}.png": None for n in range(10) for word in ("LE", "XE")
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, "names that tell no patient and eye: 20"),
    Row("copies that Keras saves", {
        f"{n % 5}/aug_{n}_{number}.png": None for n in range(10) for number in (11 + n, 2222 + 7 * n, 3333 + 13 * n)
    }, "", 30, 0, [6, 6, 6, 6, 6], 10, (30, 0, 0), 0, "Fit to train on"),
    Row("copies that Keras saves, of eyes", {
        f"{n % 5}/{name}_0_{number}.png": None for n, name in enumerate(eyes(5)) for number in (11, 222, 3333)
    }, "", 30, 0, [6, 6, 6, 6, 6], 5, (30, 0, 0), 0, "Fit to train on: nothing was found"),
    Row("clinics and patients, which are no copies of Keras's", {
        f"{n % 5}/site_{n % 2}_{1000 + 37 * n}.png": None for n in range(20)
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, "names that tell no patient and eye: 20"),
    Row("copies by words after the name", {
        f"{n % 5}/{name}{word}.png": None for n, name in enumerate(A) for word in ("", *(f"_{one}" for one in MADE))
    }, "", 40, 0, [8, 8, 8, 8, 8], 10, (40, 0, 0), 0, "Fit to train on"),
    Row("copies by words after the eye", {
        f"{n % 5}/{name}{word}.png": None for n, name in enumerate(eyes(5))
        for word in ("", *(f"_{one}" for one in MADE))
    }, "", 40, 0, [8, 8, 8, 8, 8], 5, (40, 0, 0), 0, "Fit to train on: nothing was found"),
    *(Row(f"copies in which {what}", {
        f"{n % 5}/{name}{end}.png": None for n, name in enumerate(A) for end in ("", *ends)
    }, "", 40, 0, [8, 8, 8, 8, 8], 10, (40, 0, 0), 0, "names that tell no patient and eye: 40")
        for what, ends in TURNS),
    *(Row(f"copies of eyes in which {what}", {
        f"{n % 5}/{name}{end}.png": None for n, name in enumerate(eyes(5)) for end in ("", *ends)
    }, "", 40, 0, [8, 8, 8, 8, 8], 5, (40, 0, 0), 0, "Fit to train on: nothing was found") for what, ends in TURNS),
    Row("turned copies without their originals", {
        f"{n % 5}/{name}{end}.png": None for n, name in enumerate(A) for end in ("_r90", "_r180")
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "names that tell no patient and eye: 20"),
    Row("numbered copies in a folder of their own", {
        **{f"train/{n % 5}/{name}.png": None for n, name in enumerate(A)},
        **{f"test/{n % 5}/{name}.png": None for n, name in enumerate(C)},
        **{f"augmented/{n % 5}/{name}_{k}.png": None for n, name in enumerate(A) for k in (0, 1)},
    }, "", 35, 0, [7, 7, 7, 7, 7], 15, (30, 0, 5), 0, "names that tell no patient and eye: 35"),
    Row("numbered copies without their originals", {
        f"{('train', 'test')[(n + k) % 2]}/{n % 5}/{name}_{k}.png": None for n, name in enumerate(A) for k in range(4)
    }, "", 40, 0, [8, 8, 8, 8, 8], 40, (20, 0, 20), 1, "differ in a second number"),
    *(Row(f"one collection in two folders: {first}, {second}", {
        f"{place}/{n % 5}/{name}.png": None for place in (first, second) for n, name in enumerate(DRAWN)
    }, "", 40, 0, [8, 8, 8, 8, 8], 20, (40, 0, 0), 0, "names that tell no patient and eye: 40")
        for first, second in (("colored_images", "gaussian_filtered_images"), ("Dataset", "unified_v2"))),
    Row("one collection in two folders, of which one is divided into splits", {
        **{f"Dataset/{n % 5}/{name}.png": None for n, name in enumerate(DRAWN)},
        **{f"Dataset_split/{'train' if n < 15 else 'test'}/{n % 5}/{name}.png": None
           for n, name in enumerate(DRAWN)},
    }, "", 40, 0, [8, 8, 8, 8, 8], 20, (35, 0, 5), 0, "5 of 5 test images are of patients who have an image in train"),
    Row("one collection in two folders, with sizes and copies in one", {
        **{f"augmented_resized_V2/train/{n % 5}/{name}-600{end}.jpg": None
           for n, name in enumerate(A) for end in ("", "-FA")},
        **{f"dr_unified_v2/{n % 5}/{name}.jpg": None for n, name in enumerate(A)},
    }, "", 30, 0, [6, 6, 6, 6, 6], 10, (30, 0, 0), 0, "names that tell no patient and eye: 30"),
    *(Row(f"two clinics, or versions, with names such as {pattern.format(1)}", {
        f"{place}/{n % 5}/{pattern.format(n)}.png": None for place in ("a", "b") for n in range(10)
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, "for a folder, a few words or letters' case: 20; they are taken for")
        for pattern in ("{}", "IMG_{:04}", "image{}", "q{:03}z")),
    Row("folders of days, in which names tell no patient", {
        f"2019-03-{day:02}/{day % 5}/IMG_{day}{n}z.jpg": None for day in range(1, 11) for n in range(3)
    }, "", 30, 0, [6, 6, 6, 6, 6], 30, (30, 0, 0), 0, "names that tell no patient and eye: 30"),
    Row("numbers that begin anew each day, perhaps", {
        f"2019-03-{day:02}/{n % 5}/IMG_{n:04}.jpg": None for day in (1, 2) for n in range(10)
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "where numbers begin anew each year or day they are different people"),
    Row("a year's folder in the label file", {
        "labels.csv": table(KAGGLE, A, "2019/{name},{grade}"), **pictures("2019/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "names that tell no patient and eye: 10"),
    Row("R for the retina, and no left eye anywhere", {
        f"{n % 5}/R{n:04}.jpg": None for n in range(10)
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "names that tell no patient and eye: 10"),
    Row("a word after two names of ten", {
        f"{n % 5}/{name}.png": None for n, name in enumerate([*A, "e000f_bright", "e001f_bright"])
    }, "", 12, 0, [3, 3, 2, 2, 2], 12, (12, 0, 0), 0, "for a folder, a few words or letters' case: 4; they are taken"),
    Row("numbers of patients that begin anew each year, perhaps", {
        f"{n % 5}/{year}-{n:04}_{eye}.png": None for year in (2018, 2019) for n in range(5) for eye in ("OD", "OS")
    }, "", 20, 0, DOUBLE, 5, (20, 0, 0), 0, "5 patients with images of several years, by the names, are each taken"),
    *(Row(f"a column of patients that is called {column}", {
        "train.csv": table(f"id_code,diagnosis,{column}", A, "{name},{grade},p{grade}"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on: nothing was found") for column in ID_NAMES),
    *(Row(f"a column {column} that may be of patients", {
        "train.csv": table(f"id_code,diagnosis,{column}", A, "{name},{grade},p{grade}"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, f"a patient, add --patient-column {column}")
        for column in ("case", "case_id", "record_id", "study_id")),
    *(Row(f"a column {column} that groups the patients of the names", {
        "labels.csv": f"image,level,{column}\n"
        + "".join(f"{name},{n % 5},H{n // 4:05}\n" for n, name in enumerate(eyes(10))),
        **pictures("im/{}.jpg", eyes(10)),
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, sentence) for column, sentence in (
        ("case_id", "it has 5 values for 20 images; where a value is a patient, add --patient-column case_id"),
        ("UHID", "column not read; see data check"), ("Fallnummer", "may be of patients"), ("site", "Fit to train on"),
    )),
    *(Row(f"Messidor-2 and a list of pairs with the header {head}", {
        "messidor_data.csv": table("image_id,adjudicated_dr_grade,adjudicated_gradable", A, "{name}.png,{grade},1"),
        "messidor-2.csv": f"{head}\n" + "".join(f"{A[n]}.png;{A[n + 1]}.png\n" for n in range(0, 10, 2)),
        **pictures("IMAGES/{}.png", A),
    }, "", 10, 0, EVEN, patients, (10, 0, 0), 0, sentence) for head, patients, sentence in (
        ("left;right", 5, "Fit to train on: nothing was found"),
        ("one;two", 10, "`messidor-2.csv` pairs images ('one', 'two'), perhaps a patient's eyes"),
    )),
    Row("a column of patients with and without a dash", {
        "train.csv": "id_code,diagnosis,patient\n"
        + "".join(f"{name},{n % 5},P{'-' * (n % 2)}{n // 2}\n" for n, name in enumerate(A)),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "5 patients spelled in several ways"),
    *(Row(f"a column of patients that has {what}", {
        "labels.csv": "image,level,patient_id,eye\n" + "".join(
            f"{image.format(n=n, e=e)},{n},{value.format(n=n, e=e, row=2 * n + (e == 'R'))},{e}\n"
            for n in range(5) for e in "LR"),
        **pictures("im/{}.png", [image.format(n=n, e=e) for n in range(5) for e in "LR"]),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 1, "the column of patients must have one value for a patient's images, but")
        for what, image, value in (
            ("the images' names", "{n}_{e}", "{n}_{e}"), ("the number of the line", "{n}_{e}", "{row}"),
            ("a letter for the eye", "q{n}{e}z", "P{n}{e}"), ("an eye", "q{n}{e}z", "P00{n}-{e}"),
            ("a visit", "q{n}{e}z", "P00{n}_V{row}"),
        )),
    *(Row(f"a column of patients with {what}", {
        "labels.csv": "image,level,patient\n"
        + "".join(f"{name},{n % 5},{(first, second)[n % 2].format(n // 2)}\n" for n, name in enumerate(A)),
        **pictures("im/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on: nothing was found") for what, first, second in (
        ("accents taken apart", "M\u00fcller {}", "Mu\u0308ller {}"), ("blanks that do not break", "P {}", "P\u00a0{}"),
        ("letters without width", "P{}", "\ufeffP{}\u200b"),
    )),
    *(Row(f"a download in two archives, {first} and {second}", {
        f"{(first, second)[n > 4]}/{n % 5}/{name}.png": None for n, name in enumerate(eyes(5))
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "1 patient spelled in several ways") for first, second in (
        ("eyes-20230105T101112Z-001/eyes", "eyes-20230105T101112Z-002/eyes"), ("eyes", "eyes (1)"),
        ("OneDrive_1_1-5-2023", "OneDrive_2_1-5-2023"),
    )),
    *(Row(f"copies of drawn names over splits, {pattern.format('x')}", {
        **{f"train/{n % 5}/{name}.png": None for n, name in enumerate(DRAWN)},
        **{f"val/{n % 5}/{pattern.format(name)}.png": None for n, name in enumerate(DRAWN)},
    }, "", 40, 0, [8, 8, 8, 8, 8], 20, (20, 20, 0), 0, "20 of 20 val images are of patients who have an image in train")
        for pattern in ("gen_0_{}", "augmented_image_0_{}")),
    Row("folders of studies in folders of patients", {
        f"{n % 5}/PAT{n // 4}/ST{n % 4}/IM{1000 + 17 * n}.jpg": None for n in range(40)
    }, "", 40, 0, [8, 8, 8, 8, 8], 40, (40, 0, 0), 1, "10 folders of at most 10 images each hold 40 patients"),
    Row("a column of eyes in Spanish", {
        "train.csv": "id_code,diagnosis,patient,laterality\n"
        + "".join(f"{name},{n % 5},p{n // 2},{('OD', 'OI')[n % 2]}\n" for n, name in enumerate(A)),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "Fit to train on: nothing was found"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_patients_as_people_name_them(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert_read(row, tmp_path, monkeypatch, capsys)


def test_rows_have_names_of_their_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
