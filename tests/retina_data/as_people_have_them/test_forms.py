"""Data sets as people have them: what `retina data check` reads of each, and what it says; none silently wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from study.cli.app import run_command
from tests.retina_data.as_people_have_them.builder import (
    Files,
    build,
    eyes,
    graded,
    names,
    pages,
    picture,
    pictures,
    table,
)
from tests.retina_data.layouts.test_medmnist import write_medmnist

A, B, C = names(10), names(5, 10), names(5, 20)
WORDS = ("No_DR", "Mild", "Moderate", "Severe", "Proliferate_DR")
NUMBERS = "01234"
APTOS, KAGGLE = "id_code,diagnosis", "image,level"
IDRID = "Image name,Retinopathy grade,Risk of macular edema ,,,"
DEEPDRID = "patient_id,image_id,image_path,Overall quality,left_eye_DR_Level,right_eye_DR_Level,patient_DR_Level"
EVEN, DOUBLE = [2, 2, 2, 2, 2], [4, 4, 4, 4, 4]


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = "<!DOCTYPE html><html><body>Sign in</body></html>"
PAGES = pages(3)
VISITS = [f"P{n}/visit{visit}_{eye}" for n in range(5) for visit in (1, 2) for eye in ("left", "right")]
NUMBERED = [f"P{n}_{number}_left" for n in range(10) for number in (1, 2)]
COPIES = ("", " (1)", "_aug_2")


def pictures_by_grade(pattern: str, listed: list[str], wrong: int) -> Files:
    """Pictures in folders of the grades of `table`, the first ones in that of the next grade."""
    grades = [(number + (number < wrong)) % 5 for number in range(len(listed))]
    return {pattern.format(folder=WORDS[n], name=name): None for n, name in zip(grades, listed, strict=True)}


KAGGLES_APTOS: Files = {
    "train.csv": table(APTOS, A), "test.csv": table("id_code", C, "{name}"),
    **pictures("train_images/{}.png", A), **pictures("test_images/{}.png", C),
}  # fmt: skip


class Row(NamedTuple):
    """A data set, the flags of `retina data check`, and what it must say.

    used: images. unused: pictures that are not. splits: images of train, val and test. code: exit code.
    """

    name: str
    files: Files
    flags: str
    used: int
    unused: int
    grades: list[int]
    patients: int
    splits: tuple[int, int, int]
    code: int
    sentence: str


def refused(name: str, files: Files, flags: str, sentence: str, code: int = 1) -> Row:
    """A data set that cannot be read at all."""
    return Row(name, files, flags, 0, 0, [], 0, (0, 0, 0), code, sentence)


ROWS = [
    # as they are published
    Row("the lab's four files", {
        "train_img.csv": table("", eyes(5), "{name}"), "train_label.csv": table("", eyes(5), "{grade}"),
        "test_img.csv": "8_left\n9_left\n", "test_label.csv": "0\n3\n",
        **pictures("data/{}.jpeg", [*eyes(5), "8_left", "9_left"]),
    }, "", 12, 0, [3, 2, 2, 3, 2], 7, (10, 0, 2), 0, "Fit to train on"),
    Row("EyePACS, training split", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "the files name no test split"),
    Row("EyePACS with its published test grades", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
        "retinopathy_solution.csv": table("image,level,Usage", eyes(5, 5), "{name},{grade},Private"),
        **pictures("test/{}.jpeg", eyes(5, 5)),
    }, "", 20, 0, DOUBLE, 10, (10, 0, 10), 0, "Fit to train on"),
    Row("EyePACS with test grades, without the test photographs", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
        "retinopathy_solution.csv": table("image,level,Usage", eyes(5, 5), "{name},{grade},Public"),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "the grades of 10 test images are there, but none of the images"),
    Row("EyePACS resized and cropped, folders in folders of their name", {
        "trainLabels.csv": table(KAGGLE, eyes(5)),
        "trainLabels_cropped.csv": table(",Unnamed: 0,image,level", eyes(4), "0,0,{name},{grade}"),
        **pictures("resized_train/resized_train/{}.jpeg", eyes(5)),
        **pictures("resized_train_cropped/resized_train_cropped/{}.jpeg", eyes(4)),
    }, "", 10, 8, EVEN, 5, (10, 0, 0), 0, "not used: 8 pictures (8 same name as one that is used), 1 label file"),
    Row("APTOS as Kaggle has it", {
        "train.csv": table(APTOS, A), "test.csv": table("id_code", C, "{name}"),
        "sample_submission.csv": table(APTOS, C, "{name},0"),
        **pictures("train_images/{}.png", A), **pictures("test_images/{}.png", C),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 not listed in the labels), 2 label files"),
    Row("APTOS with three label files and nested folders", {
        "train_1.csv": table(APTOS, A), "valid.csv": table(APTOS, B), "test.csv": table(APTOS, C),
        **pictures("train_images/train_images/{}.png", A), **pictures("val_images/val_images/{}.png", B),
        **pictures("test_images/test_images/{}.png", C),
    }, "", 20, 0, DOUBLE, 20, (10, 5, 5), 0, "Fit to train on"),
    Row("APTOS with three label files, all photographs in one folder", {
        "train_1.csv": table(APTOS, A), "valid.csv": table(APTOS, B), "test.csv": table(APTOS, C),
        **pictures("train_images/{}.png", [*A, *B, *C]),
    }, "", 20, 0, DOUBLE, 20, (10, 5, 5), 0, "Fit to train on"),
    Row("APTOS filtered, in folders of grades beside its label file", {
        "train.csv": table(APTOS, A),
        **{f"gaussian_filtered_images/{WORDS[n % 5]}/{name}.png": None for n, name in enumerate(A)},
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "layout aptos is read although folders fits too"),
    Row("IDRiD's own two label files, whose parts have equal names", {
        "2. Groundtruths/a. IDRiD_Disease Grading_Training Labels.csv": table(IDRID, A, "{name},{grade},1,,,"),
        "2. Groundtruths/b. IDRiD_Disease Grading_Testing Labels.csv": table(IDRID, A[:5], "{name},{grade},1,,,"),
        **pictures("1. Original Images/a. Training Set/{}.jpg", A),
        **pictures("1. Original Images/b. Testing Set/{}.jpg", A[:5]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on"),
    Row("Messidor-2's adjudicated grades", {
        "messidor_data.csv": table("image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable", A,
                                   "{name}.png,{grade},0,1") + "e090f.png,,,0\n",
        **pictures("images/{}.png", [*A, "e090f"]),
    }, "", 10, 1, EVEN, 10, (10, 0, 0), 0, "not used: 1 picture (1 ungradable)"),
    Row("DDR's three lists", {
        "DR_grading/train.txt": table("", A, "{name}.jpg {grade}") + "e091f.jpg 5\n",
        "DR_grading/valid.txt": table("", B, "{name}.jpg {grade}"),
        "DR_grading/test.txt": table("", C, "{name}.jpg {grade}"),
        **pictures("DR_grading/train/{}.jpg", [*A, "e091f"]), **pictures("DR_grading/valid/{}.jpg", B),
        **pictures("DR_grading/test/{}.jpg", C),
    }, "", 20, 1, DOUBLE, 20, (10, 5, 5), 0, "not used: 1 picture (1 ungradable)"),
    Row("DeepDRiD", {
        "regular-fundus-training/regular-fundus-training.csv": table(DEEPDRID, range(1, 6),
            "{name},{name}_l1,x,1,{grade},,{grade}\n{name},{name}_r2,x,1,,{grade},{grade}"),
        **{f"regular-fundus-training/Images/{n}/{n}_{view}.jpg": None for n in range(1, 6) for view in ("l1", "r2")},
        "regular-fundus-validation/regular-fundus-validation.csv": table(DEEPDRID, range(6, 11),
            "{name},{name}_l1,x,1,{grade},,{grade}"),
        **{f"regular-fundus-validation/Images/{n}/{n}_l1.jpg": None for n in range(6, 11)},
    }, "", 15, 0, [3, 3, 3, 3, 3], 10, (10, 5, 0), 0, "the files name no test split"),
    Row("a metadata.csv beside the pictures of each split", {
        "train/metadata.csv": table("file_name,label", A, "{name}.png,{grade}"), **pictures("train/{}.png", A),
        "test/metadata.csv": table("file_name,label", C, "{name}.png,{grade}"), **pictures("test/{}.png", C),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on"),
    Row("a folder for each split, with folders of grades", {
        **graded("train/{folder}/{name}.jpg", NUMBERS), **graded("val/{folder}/{name}.jpg", NUMBERS, 1, 20),
        **graded("test/{folder}/{name}.jpg", NUMBERS, 1, 40),
    }, "", 20, 0, DOUBLE, 20, (10, 5, 5), 0, "Fit to train on"),
    Row("splits spelled otherwise, eyes of a patient in two grades", {
        **{f"DataSet/Training/{WORDS[n]}/{n}_left.jpg": None for n in range(5)},
        **{f"DataSet/Training/{WORDS[4 - n]}/{n}_right.jpg": None for n in range(5)},
        **{f"DataSet/Validation/{word}/7{n}_left.jpg": None for n, word in enumerate(WORDS)},
        **{f"DataSet/Testing/{word}/8{n}_left.jpg": None for n, word in enumerate(WORDS)},
    }, "", 20, 0, DOUBLE, 15, (10, 5, 5), 0, "Fit to train on"),
    Row("grades by words with blanks", graded("{folder}/{name}.jpg", ("No DR", "Mild DR", "Moderate DR", "Severe DR",
        "Proliferative DR")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("grades by words in capitals", graded("{folder}/{name}.JPG", ("NO_DR", "MILD", "MODERATE", "SEVERE",
        "PROLIFERATE")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("grades by number and word", graded("{folder}/{name}.png", ("0_No_DR", "1-Mild", "2 Moderate", "3_Severe",
        "4_Proliferative_DR")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("grades by numbered words", graded("{folder}/{name}.png", ("grade0", "grade1", "Grade 2", "class_3", "dr4")),
        "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("grades by NPDR and PDR", graded("{folder}/{name}.png", ("Normal", "Mild_NPDR", "moderate npdr", "Severe NPDR",
        "PDR")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("grades by Healthy and no-dr's fellows", graded("{folder}/{name}.jfif", ("Healthy", "mild-dr", "moderate-dr",
        "severe-dr", "proliferate-dr")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("a folder more around everything", {
        "archive/dataset/train_img.csv": table("", A, "{name}"),
        "archive/dataset/train_label.csv": table("", A, "{grade}"),
        **pictures("archive/dataset/images/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    # whatever else, by --labels and columns
    Row("semicolons, BOM, CRLF, blank lines and columns, quotes, 2.0", {
        "liste.csv": "\ufeff" + table("Bild;Stufe;;", A, '"{name}.png";{grade}.0;;', "\r\n") + "\r\n;;;\r\n",
        **pictures("bilder/{}.png", A),
    }, "--labels liste.csv --image-column bild --grade-column stufe", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit"),
    Row("Excel's Unicode text with tabs", {
        "labels.csv": table("picture\tdr", A, "{name}\t{grade}").encode("utf-16"), **pictures("{}.png", A),
    }, "--labels labels.csv --image-column picture --grade-column dr", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit"),
    Row("old line ends of the Mac", {
        "labels.csv": table("picture,dr", A, end="\r"), **pictures("{}.png", A),
    }, "--labels labels.csv --image-column picture --grade-column dr", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit"),
    Row("words for grades, some of the user's own", {
        "labels.csv": "file,stage\n" + "".join(f"{name},{word}\n" for name, word in zip(
            A, ("none", "mild", "moderate", "severe", "PDR") * 2, strict=True)) + "e099f,blurred\n",
        **pictures("{}.png", [*A, "e099f"]),
    }, "--labels labels.csv --image-column file --grade-column stage --grade none=0 --grade blurred=none",
        10, 1, EVEN, 10, (10, 0, 0), 0, "1 ungradable"),
    Row("columns of patient, eye and split", {
        "labels.csv": "file,stage,person,side,fold\n" + "".join(
            f"{name},{n % 5},p{n // 2},{'OD' if n % 2 else 'OS'},{'testing' if n > 7 else 'Train'}\n"
            for n, name in enumerate(A)),
        **pictures("{}.png", A),
    }, "--labels labels.csv --image-column file --grade-column stage --patient-column person --eye-column side "
        "--split-column fold", 10, 0, EVEN, 5, (8, 0, 2), 0, "Fit"),
    Row("one label file, and folders of splits", {
        "labels.csv": table(APTOS, [*A, *C]), **pictures("train/{}.png", A), **pictures("test/{}.png", C),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on"),
    Row("several label files with the same columns", {
        "part/training.csv": table("file,stage", A), "part/testing.csv": table("file,stage", C),
        **pictures("pictures/{}.png", [*A, *C]),
    }, "--image-column file --grade-column stage", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit"),
    Row("APTOS' columns in another file, with semicolons", {
        "ratings of grader 1.csv": table("id_code;diagnosis", A, "{name};{grade}"), **pictures("{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    Row("pictures in all formats that are read", {
        "train.csv": table(APTOS, A), **pictures("a/{}.png", A[:2]), **pictures("a/{}.tif", A[2:4]),
        **pictures("a/{}.BMP", A[4:6]), **pictures("a/{}.webp", A[6:8]), **pictures("a/{}.jfif", A[8:]),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    Row("folders of grades of BMP files", graded("{folder}/{name}.bmp", WORDS), "",
        10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("folders of grades of WebP files", graded("{folder}/{name}.webp", WORDS), "",
        10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    Row("photographs that are Git LFS pointers and web pages", {
        "train.csv": table(APTOS, A), **pictures("p/{}.png", A[:8]), "p/e008f.png": LFS, "p/e009f.png": HTML,
    }, "", 8, 0, EVEN, 10, (10, 0, 0), 1, "no photograph but a Git LFS pointer, not the file itself"),
    # what stands beside grades, and looks like them
    *(Row(f"a model's predictions of the test images, {file}", {
        **KAGGLES_APTOS, file: table(APTOS, C, "{name},2"),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, f"`{file}` is not read, as its grades look like a model's predictions")
      for file in ("predictions.csv", "my_sub.csv", "preds.csv", "pseudo_labels.csv", "output.csv",
                   "test_predictions.csv", "mine.csv")),
    Row("grades of the test images beside their list, by a name that says labels", {
        **KAGGLES_APTOS, "grades.csv": table(APTOS, C),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "`test.csv` may list the test split (5 images), but is not read"),
    Row("a table of the same images without grades", {
        "labels.csv": table(APTOS, A), "patients.csv": table("id_code,age", A, "{name},50"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "not used: 1 label file"),
    *(Row(f"a column {column} that says train and test", {
        "labels.csv": table(f"{APTOS},{column}", A, "{name},{grade},train")
        + table("", C, "{name},{grade},test"), **pictures("p/{}.png", [*A, *C]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train") for column in ("dataset", "fold", "train/test")),
    Row("a column of hospitals that are public or private", {
        "labels.csv": table(f"{APTOS},hospital", A, "{name},{grade},Public")
        + table("", B, "{name},{grade},Private"), **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "Fit to train on, with 1 warning"),
    Row("a column of sources whose names say splits too", {
        "labels.csv": table(f"{APTOS},source", A, "{name},{grade},aptos_train")
        + table("", B, "{name},{grade},idrid_test"), **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "Fit to train on, with 1 warning"),
    *(Row(f"a column {column} of two values", {
        "labels.csv": table(f"{APTOS},{column}", A, "{name},{grade},0") + table("", B, "{name},{grade},1"),
        **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, f"the column '{column}' of `labels.csv` may say splits, but")
      for column in ("is_valid", "is_test", "is_train")),
    Row("a column of splits with blanks", {
        "labels.csv": table(f"{APTOS},split", A, "{name},{grade},train") + table("", C, "{name},{grade},test")
        + "e090f,0,\n", **pictures("p/{}.png", [*A, *C, "e090f"]),
    }, "", 16, 0, [4, 3, 3, 3, 3], 16, (16, 0, 0), 1, "'' is none of train, val and test: write these words in 1 of"),
    *(Row(f"lists of names beside the labels, {end}", {
        "labels.csv": table(APTOS, A), **{end.format(split): head + table("", listed, "{name}")
        for split, listed in (("train", A[:7]), ("test", A[7:]))}, **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, f"`{end.format('test')}` may list the test split (")
      for end, head in (("{}_ids.txt", ""), ("splits/{}.csv", "id_code\n"))),
    Row("a column gradable", {
        "labels.csv": table(f"{APTOS},gradable", A, "{name},{grade},1") + table("", B, "{name},{grade},0"),
        **pictures("p/{}.png", [*A, *B]),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 ungradable)"),
    *(Row(f"splits in {file}", {
        "labels.csv": table(KAGGLE, A), file: content, **pictures("im/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, sentence) for file, content, sentence in (
        ("split.csv", table("image,split", A[:5], "{name},train") + table("", A[5:], "{name},test"),
         "the column 'split' of `split.csv` says splits, but is not read: 5 lines of it are of another split"),
        ("partition.csv", table("filename,set", A[:5], "{name}.jpg,train") + table("", A[5:], "{name}.jpg,test"),
         "split not understood; see data check"),
        ("splits.json", "{}", "`splits.json` may say splits by its name, but is not read"),
    )),
    *(Row(f"a column {column} of splits in other words", {
        "labels.csv": table(f"{KAGGLE},{column}", A[:5], f"{{name}},{{grade}},{one}")
        + table("", A[5:], f"{{name}},{{grade}},{other}"), **pictures("im/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, 
        f"the column '{column}' of `labels.csv` may say splits, but is not read: say train, val or test")
        for column, one, other in (
            ("cohort", "derivation", "validation"), ("test", "no", "yes"), ("train_test", "1", "0"))),
    Row("a test split that is not unpacked", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)), "test.zip": b"PK",
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "1 archive beside the pictures (`test.zip`) may have more of them"),
    Row("a grade that is not unpacked", {
        **graded("{folder}/{name}.jpg", "0134", 3), "2.zip": b"PK",
    }, "", 12, 0, [3, 3, 0, 3, 3], 12, (12, 0, 0), 0, "archive not unpacked; see data check"),
    Row("a column of quality", {
        "labels.csv": table(f"{APTOS},quality", A, "{name},{grade},Adequate")
        + table("", B, "{name},{grade},Inadequate"), **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "'quality' of `labels.csv` is not heeded: 5 images there"),
    Row("EyeQ's qualities beside EyePACS's grades", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), "Label_EyeQ_train.csv": ",image,quality,DR_grade\n"
        + "".join(f"{n},{name}.jpeg,{n % 3},{n % 5}\n" for n, name in enumerate(eyes(5))),
        **pictures("train/{}.jpeg", eyes(5)),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "a column of quality, 'quality', but is not read: some images there may be"),
    Row("EyeQ's label file alone", {
        "Label_EyeQ_train.csv": ",image,quality,DR_grade\n"
        + "".join(f"{n},{name}.jpeg,{n % 3},{n % 5}\n" for n, name in enumerate(eyes(5))),
        **pictures("train/{}.jpeg", eyes(5)),
    }, "--labels Label_EyeQ_train.csv --image-column image --grade-column DR_grade", 10, 0, EVEN, 5, (10, 0, 0), 0,
        "some images there may be ungradable (4 images with 0, 3 images with 1, 3 images with 2); write a column"),
    Row("mBRSET's final quality", {
        "labels.csv": table("file,patient,final_icdr,final_quality", A, "{name},{name},{grade},no"),
        **pictures("images/{}.jpg", A),
    }, "--labels labels.csv --image-column file --grade-column final_icdr", 10, 0, EVEN, 10, (10, 0, 0), 0,
        "'final_quality' of `labels.csv` is not heeded: 10 images there ('no') may be ungradable; write a column"),
    Row("a file of qualities", {
        "labels.csv": table(KAGGLE, A), "quality.csv": table("image,quality", A[:6], "{name},Good")
        + table("", A[6:], "{name},Reject"), **pictures("im/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "quality not heeded; see data check"),
    Row("adjudicated grades beside those that are read", {
        "labels.csv": table(f"{KAGGLE},level_adjudicated", A, "{name},{grade},2"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "'level_adjudicated' of `labels.csv` has other grades than 'level', which"),
    Row("Messidor's own grades from 0 to 3", {
        "Annotation_Base11.csv": "Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema\n"
        + "".join(f"{name}.tif,x,{n % 4},0\n" for n, name in enumerate(names(12))),
        **pictures("Base11/{}.tif", names(12)),
    }, "", 12, 0, [3, 3, 3, 3, 0], 12, (12, 0, 0), 0, "Messidor's own, whose grades are 0 to 3, and 3 includes"),
    Row("a test.csv whose column of grades is blank", {
        **KAGGLES_APTOS, "test.csv": table(APTOS, C, "{name},"),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 not listed in the labels), 1 label file"),
    Row("a remark on two lines, in quotes", {
        "labels.csv": table(f"{APTOS},remark", A, '{name},{grade},"not sharp\nand dark"'), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    # patients
    Row("folders of patients, with visits", {
        "trainLabels.csv": table(KAGGLE, VISITS), **pictures("train/{}.png", VISITS),
    }, "", 20, 0, DOUBLE, 5, (20, 0, 0), 0, "Fit to train on: nothing was found"),
    Row("copies made by augmentation", {
        "trainLabels.csv": "image,level\n" + "".join(f"{n}_left{end},{n}\n" for n in range(5) for end in COPIES),
        **{f"train/{n}_left{end}.png": None for n in range(5) for end in COPIES},
    }, "", 15, 0, [3, 3, 3, 3, 3], 5, (15, 0, 0), 0, "Fit to train on: nothing was found"),
    Row("names with two numbers", {
        "trainLabels.csv": table(KAGGLE, NUMBERED), **pictures("train/{}.png", NUMBERED),
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 1, "differ in a second number: it may be that of a visit or an image"),
    Row("names with two numbers, by a pattern", {
        "trainLabels.csv": table(KAGGLE, NUMBERED), **pictures("train/{}.png", NUMBERED),
    }, "--patient-pattern '^(?P<patient>P[0-9]+)_'", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "Fit to train on: nothing"),
    Row("numbers that begin anew in each folder of a grade", {
        f"{grade}/{n}_left.png": None for grade in NUMBERS for n in range(2)
    }, "", 10, 0, EVEN, 2, (10, 0, 0), 1, "several of the same one: different people with equal names"),
    Row("one picture for each eye that is missing", {
        "trainLabels.csv": table(KAGGLE, eyes(10)), **pictures("train/{}.jpeg", eyes(10)),
        **{f"train/{n}_left.jpeg": picture(900, "JPEG") for n in range(6)},
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 1, "6 images of 6 patients are byte for byte 1 photograph"),
    Row("rare grades repeated as copies under other names", {
        **graded("{folder}/{name}.jpeg", NUMBERS), **{f"4/x{n:02}y.jpeg": picture(901, "JPEG") for n in range(6)},
    }, "", 16, 0, [2, 2, 2, 2, 8], 16, (16, 0, 0), 1, "patients who share one are taken for one"),
    # two sources of grades
    Row("a label file that disagrees with folders of grades", {
        "train.csv": table(APTOS, A), **pictures_by_grade("f/{folder}/{name}.png", A, wrong=2),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 1,
        "2 of 10 images have another grade by folders of grades, such as e000f (0 by train.csv, line 2, 1 by folder"),
    Row("the same, chosen by --layout", {
        "train.csv": table(APTOS, A), **pictures_by_grade("f/{folder}/{name}.png", A, wrong=2),
    }, "--layout aptos", 10, 0, EVEN, 10, (10, 0, 0), 0, "another grade in labels that are not read: 2 images"),
    Row("folders of grades with a test split that disagree with a label file", {
        "train.csv": table(APTOS, A), **pictures_by_grade("train/{folder}/{name}.png", A, wrong=2),
        **graded("test/{folder}/{name}.png", WORDS, 1, 50),
    }, "", 15, 0, [2, 3, 4, 3, 3], 15, (10, 0, 5), 1, "2 of 10 images have another grade by `train.csv`"),
    Row("folders of grades beside a label file of no known form that disagrees", {
        "ratings.csv": table("file,dr_grade", A), **pictures_by_grade("f/{folder}/{name}.png", A, wrong=2),
    }, "", 10, 0, [1, 2, 3, 2, 2], 10, (10, 0, 0), 0, "2 of 10 images have another grade by `ratings.csv`"),
    Row("folders of clinics that are called by numbers", {
        "train.csv": table(APTOS, A), **{f"clinics/{n * 7 % 4}/{name}.png": None for n, name in enumerate(A)},
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on, with 1 warning"),
    Row("a label file with the two classes 0 and 1", {
        "train.csv": "id_code,diagnosis\n" + "".join(f"{name},{n % 2}\n" for n, name in enumerate(A)),
        **pictures("p/{}.png", A),
    }, "", 10, 0, [5, 5, 0, 0, 0], 10, (10, 0, 0), 0, "0 and 1 alone look like not referable / referable"),
    Row("folders of grades that are counted from 1", graded("{folder}/{name}.png", "12345"), "",
        8, 2, [0, 2, 2, 2, 2], 8, (8, 0, 0), 1, "where these are grades counted from 1, --grade 1=0 --grade 2=1"),
    Row("the same, with their meaning", graded("{folder}/{name}.png", "12345"),
        "--grade 1=0 --grade 2=1 --grade 3=2 --grade 4=3 --grade 5=4", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("a validation and a test split without a training split", {
        **graded("val/{folder}/{name}.png", NUMBERS), **graded("test/{folder}/{name}.png", NUMBERS, 1, 50),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (0, 10, 5), 1, "a study needs training images, but all 15 are in val and test"),
    Row("DDR's form with words for grades", {
        "train.txt": "".join(f"{name}.jpg {WORDS[n % 5]}\n" for n, name in enumerate(A)), **pictures("p/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    refused("names that a spreadsheet has rewritten", {
        "labels.csv": KAGGLE + "".join(f"\n2.017E+11,{n}" for n in range(5)),
        **pictures("im/{}.png", [f"2017000{n:05}" for n in range(5)]),
    }, "", "in 5 lines: a spreadsheet has rewritten long numbers and lost their ends"),
    Row("DDR's grades as folders", {
        **graded("train/{folder}/{name}.jpg", "012345"), **graded("valid/{folder}/{name}.jpg", "012345", 1, 50),
        **graded("test/{folder}/{name}.jpg", NUMBERS, 1, 70),
    }, "", 20, 3, DOUBLE, 20, (10, 5, 5), 0, "not used: 3 pictures (3 ungradable)"),
    Row("Excel's sep=; above the header", {
        "train.csv": "sep=;\n" + table("id_code;diagnosis", A, "{name};{grade}"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("titles above the header", {
        "train.csv": "Grades;;\n\nby two readers;;\n" + table("id_code;diagnosis;", A, "{name};{grade};"),
        **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("two label files put together, each with its header", {
        "train.csv": table(APTOS, A) + table(APTOS, B), **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (15, 0, 0), 0, "Fit to train"),
    Row("grades from 1 to 4", graded("{folder}/{name}.png", "1234", 3), "",
        12, 0, [0, 3, 3, 3, 3], 12, (12, 0, 0), 0, "no image has grade 0: the grades are numbers from 1 to 4"),
    Row("words without a healthy eye", graded("{folder}/{name}.png", WORDS[1:], 3), "",
        12, 0, [0, 3, 3, 3, 3], 12, (12, 0, 0), 0, "Fit to train on, with 1 warning"),
    refused("DDR's lists from 1 to 5", {
        "train.txt": table("", A, "{name}.jpg {grade}").replace(" 0", " 5"), **pictures("p/{}.jpg", A),
    }, "--allow-unused", "grades must be 0 to 4, but there are 1 to 5 and no 0"),
    Row("folders from 1 to 5, allowed", graded("{folder}/{name}.png", "12345", 3), "--allow-unused",
        12, 3, [0, 3, 3, 3, 3], 12, (12, 0, 0), 0, "no image has grade 0: the grades are numbers from 1 to 4"),
    Row("grade 5 taken for 4", graded("{folder}/{name}.png", "012345"), "--grade 5=4",
        12, 0, [2, 2, 2, 2, 4], 12, (12, 0, 0), 0, "the numbers 4 and 5 are all read as grade 4: correct --grade"),
    Row("a word of --grade that is not there", graded("{folder}/{name}.png", WORDS), "--grade Leve=1",
        10, 0, EVEN, 10, (10, 0, 0), 0, "--grade 'Leve' is no word that says a grade here"),
    Row("one eye of two in a line", {
        "labels.csv": "left,right,dr_left\n" + "".join(f"{n}_l,{n}_r,{n % 5}\n" for n in range(10)),
        **{f"{n}_{eye}.png": None for n in range(10) for eye in "lr"},
    }, "--labels labels.csv --image-column left --grade-column dr_left", 10, 10, EVEN, 10, (10, 0, 0), 0,
        "`labels.csv` lists 10 pictures that are not used in its column 'right': write a line for each picture"),
    Row("a validation split of one image", {
        **graded("train/{folder}/{name}.png", NUMBERS), "val/0/e070f.png": None,
        **graded("test/{folder}/{name}.png", NUMBERS, 1, 50),
    }, "", 16, 0, [4, 3, 3, 3, 3], 16, (10, 1, 5), 1, "a study needs 2 images in train and 2 in val, but got 10 and 1"),
    Row("a column that is named split", {
        "labels.csv": table("id_code,diagnosis,split", A, "{name},{grade},train")
        + table("", B, "{name},{grade},valid") + table("", C, "{name},{grade},test"),
        **pictures("{}.png", [*A, *B, *C]),
    }, "", 20, 0, DOUBLE, 20, (10, 5, 5), 0, "Fit to train"),
    Row("a column of usage that says no test", {
        "train.csv": table("id_code,diagnosis,usage", A, "{name},{grade},training"), **pictures("p/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("a holdout", {
        "train.csv": table(APTOS, A), "holdout.csv": table(APTOS, B), **pictures("p/{}.png", [*A, *B]),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train"),
    Row("Messidor-2 after Excel", {
        "messidor_data.csv": table("image_id,adjudicated_dr_grade,adjudicated_gradable", A, "{name},{grade},1.0")
        + table("", B, "{name},{grade},0.0"), **pictures("{}.png", [*A, *B]),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("-1 for ungradable, as the user says", {
        "train.csv": table(APTOS, A) + table("", B, "{name},-1"), **pictures("p/{}.png", [*A, *B]),
    }, "--grade -1=none", 10, 5, EVEN, 10, (10, 0, 0), 0, "Fit to train"),
    Row("patients in train and val, as the files divide them", {
        **{f"train/{n}/{n}_left.png": None for n in range(5)}, **{f"val/{n}/{n}_right.png": None for n in range(5)},
        **{f"test/{n}/{n}7_left.png": None for n in range(5)},
    }, "", 15, 0, [3, 3, 3, 3, 3], 10, (5, 5, 5), 0, "5 of 5 val images are of patients who have an image in train"),
    Row("a later visit of a patient in the test split", {
        **{f"train/{n % 5}/P{n}_visit1_left.png": None for n in range(10)},
        **{f"test/{n % 5}/P{n}_visit2_left.png": None for n in range(10)},
    }, "", 20, 0, DOUBLE, 10, (10, 0, 10), 0, "10 of 10 test images are of patients who have an image in train too"),
    # what must not be left out in silence
    Row("grades of a validation split in a spreadsheet", {
        "train.csv": table(APTOS, A), "valid.xlsx": b"PK", **pictures("train/{}.png", A), **pictures("val/{}.png", B),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1, "`valid.xlsx` is an Excel table, which is not read: save it as `valid.csv"),
    *[Row(f"grades of a validation split in {kind}", {
        "train.csv": table(APTOS, A), f"valid{end}": data, **pictures("train/{}.png", A), **pictures("val/{}.png", B),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1, f"`valid{end}` is {kind}, which is not read: save it as `valid.csv")
      for end, kind, data in ((".xml", "an XML file", "<a/>"), (".html", "a web page", "<p>"),
                              (".docx", "a text document", b"PK"), (".pdf", "a PDF file", b"%PDF"),
                              (".h5", "an HDF5 file", b"\x89HDF"))],
    Row("grades of a test split in a JSON file", {
        "train.csv": table(APTOS, A), "test.json": "{}", **pictures("train/{}.png", A), **pictures("test/{}.png", B),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1, "`test.json` is a JSON file, which is not read"),
    Row("a table of something else that is not UTF-8", {
        "train.csv": table(APTOS, A), "notes.csv": "Gr\xf6\xdfe,x\n1,2\n".encode("latin-1"),
        **pictures("p/{}.png", [*A, *B]),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 not listed in the labels), 1 label file"),
    Row("a folder whose name says no grade", {
        **graded("{folder}/{name}.png", WORDS), **pictures("Very severe/{}.png", names(3, 50)),
    }, "", 10, 3, EVEN, 10, (10, 0, 0), 1,
        "1 folder beside those of grades (`Very severe`) with 3 pictures say no grade"),
    Row("the same, left out on purpose", {
        **graded("{folder}/{name}.png", WORDS), **pictures("Very severe/{}.png", names(3, 50)),
    }, "--allow-unused", 10, 3, EVEN, 10, (10, 0, 0), 0,
        "not used: 3 pictures (3 in a folder whose name says no grade)"),
    Row("the same, with its meaning", {
        **graded("{folder}/{name}.png", WORDS), **pictures("Very severe/{}.png", names(3, 50)),
    }, "--grade 'Very severe=3'", 13, 0, [2, 2, 2, 5, 2], 13, (13, 0, 0), 0, "Fit"),
    Row("a folder of ungradable photographs", {
        **graded("{folder}/{name}.png", NUMBERS), **pictures("ungradable/{}.png", names(3, 50)),
    }, "", 10, 3, EVEN, 10, (10, 0, 0), 0, "not used: 3 pictures (3 ungradable)"),
    refused("two classes", graded("{folder}/{name}.png", ("DR", "No_DR")), "",
            "`No_DR` and `DR` look like not referable / referable"),
    refused("two classes below splits", {
        **graded("train/{folder}/{name}.png", ("referable", "non-referable")),
        **graded("test/{folder}/{name}.png", ("referable", "non-referable"), 2, 30),
    }, "", "look like not referable / referable"),
    refused("two classes by number", graded("{folder}/{name}.png", "01"), "", "look like not referable / referable"),
    Row("two classes by number, taken for grades", graded("{folder}/{name}.png", "01", 5), "--layout folders",
        10, 0, [5, 5, 0, 0, 0], 10, (10, 0, 0), 0, "no train image has grade 2, 3, 4"),
    Row("a graded valid.csv with another header", {
        "train.csv": table(APTOS, A), "valid.csv": table("name;dr_stage", B, "{name};{grade}"),
        **pictures("train_images/{}.png", A), **pictures("val_images/{}.png", B),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1,
        "`valid.csv` has grades of 5 pictures that are not used: call `name` and `dr_stage` `id_code` and `diagnosis`"),
    Row("the same, left out by --layout", {
        "train.csv": table(APTOS, A), "valid.csv": table("name;dr_stage", B, "{name};{grade}"),
        **pictures("train_images/{}.png", A), **pictures("val_images/{}.png", B),
    }, "--layout aptos", 10, 5, EVEN, 10, (10, 0, 0), 0,
        "not used: 5 pictures (5 not listed in the labels), 1 label file"),
    Row("a val/ with folders of grades beside a label file", {
        "train.csv": table(APTOS, A), **pictures("train_images/{}.png", A),
        **graded("val/{folder}/{name}.png", NUMBERS, 1, 60),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 1, "5 pictures in folders of grades below a folder of a split"),
    Row("a test/ without grades", {
        **graded("train/{folder}/{name}.png", NUMBERS), **pictures("test/{}.png", C),
    }, "", 10, 5, EVEN, 10, (10, 0, 0), 0, "not used: 5 pictures (5 not listed in the labels)"),
    Row("two collections of different forms", {
        "eyepacs/trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("eyepacs/train/{}.jpeg", eyes(5)),
        "aptos/train.csv": table(APTOS, A), **pictures("aptos/train_images/{}.png", A),
    }, "", 10, 10, EVEN, 5, (10, 0, 0), 1, "`aptos/train.csv` has grades of 10 pictures that are not used"),
    Row("two collections of one form with equal names", {
        "site1/trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("site1/train/{}.jpeg", eyes(5)),
        "site2/trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("site2/train/{}.jpeg", eyes(5)),
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "the files name no test split"),
    Row("two collections in one label file", {
        "trainLabels.csv": table(KAGGLE, [f"{place}/{name}" for place in ("eyepacs", "odir") for name in eyes(5)]),
        **pictures("images/eyepacs/{}.jpeg", eyes(5)), **pictures("images/odir/{}.jpeg", eyes(5)),
    }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "the files name no test split"),
    Row("a label file without its pictures, and folders with theirs", {
        "train.csv": table(APTOS, A), **graded("{folder}/{name}.png", WORDS, 2, 70),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "layout folders is read, whose pictures are there, although aptos fits too"),
    Row("leftovers of macOS, Windows and Jupyter", {
        **graded("{folder}/{name}.png", NUMBERS), "0/._e000f.png": b"\x00\x05\x16\x07", ".DS_Store": b"",
        "__MACOSX/0/._e000f.png": b"", "1/Thumbs.db": b"", "2/.ipynb_checkpoints/e004f-checkpoint.png": None,
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "left there by macOS, Windows or a program"),
    Row("one picture in two formats", {
        **graded("{folder}/{name}.png", NUMBERS), "0/e000f.jpeg": None,
    }, "", 10, 1, EVEN, 10, (10, 0, 0), 0, "1 same name as one that is used"),
    Row("pictures that no line lists, and some in formats that are not read", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", [*eyes(5), "77_left"]),
        "train/78_left.heic": b"ftypheic", "train/79_left.dcm": b"DICM",
    }, "", 10, 3, EVEN, 5, (10, 0, 0), 0,
        "not used: 3 pictures (1 not listed in the labels, 2 in a format that is not read)"),
    Row("names in other letters than the files", {
        "trainLabels.csv": table(KAGGLE, [name.upper() for name in eyes(5)]), **pictures("train/{}.JPG", eyes(5)),
    }, "", 10, 0, EVEN, 5, (10, 0, 0), 0, "the files name no test split"),
    # which of several files is taken, and what is left out
    Row("masks of the photographs' names", {
        "labels.csv": table(APTOS, A), **pictures("Mask/{}.png", A), **pictures("fundus_photos/{}.png", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "10 pictures (10 masks, annotations or thumbnails by their names)"),
    Row("a photograph is missing whose mask is there", {
        "labels.csv": table(APTOS, A), **pictures("od_segmentation/{}.png", A), **pictures("photos/{}.png", A[1:]),
    }, "", 9, 10, EVEN, 10, (10, 0, 0), 1, "1 picture of these names may be of something else, by their folders"),
    Row("folders of grades twice, of photographs and of heat maps", {
        **graded("images/{folder}/{name}.png", NUMBERS), **graded("gradcam/{folder}/{name}.png", NUMBERS),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "10 masks, annotations or thumbnails by their names"),
    Row("thumbnails beside folders of grades", {
        **graded("{folder}/{name}.png", NUMBERS), **pictures("thumbs/{}.png", A), "0/masks/e000f.png": None,
    }, "", 10, 11, EVEN, 10, (10, 0, 0), 0, "11 masks, annotations or thumbnails by their names"),
    Row("folders of splits beside one of masks", {
        "labels.csv": table(APTOS, [*A, *C]), **pictures("train/{}.png", A), **pictures("test/{}.png", C),
        **pictures("Mask/{}.png", [*A, *C]), "logo.png": None,
    }, "", 15, 16, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "15 masks, annotations or thumbnails by their names"),
    Row("photographs that lie in a folder of lesions alone", {
        "labels.csv": table(APTOS, A), **pictures("lesions/{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    Row("an image is missing that another site has", {
        "siteA/labels.csv": table(APTOS, A), **pictures("siteA/images/{}.jpg", A[1:]),
        **pictures("siteB/images/{}.jpg", A),
    }, "", 9, 10, EVEN, 10, (10, 0, 0), 1, "(`siteB/images/e000f.jpg`): where these are the same ones, move or rename"),
    Row("the same, with the label file in a folder of its own", {
        "siteA/meta/labels.csv": table(APTOS, A), **pictures("siteA/images/{}.jpg", A[1:]),
        **pictures("siteB/images/{}.jpg", A),
    }, "", 9, 10, EVEN, 10, (10, 0, 0), 1, "(`siteB/images/e000f.jpg`): where these are the same ones, move or rename"),
    Row("two sites of equal names, label files in folders of their own", {
        f"site{site}/{name}": content for site in "AB"
        for name, content in {"meta/labels.csv": table(APTOS, A), **pictures("images/{}.jpg", A)}.items()
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, "the files name no test split"),
    Row("masks beside their photographs, in folders of grades", {
        **graded("{folder}/{name}.png", NUMBERS), **graded("{folder}/{name}_mask.png", NUMBERS),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "10 masks, annotations or thumbnails by their names"),
    Row("a label file in a folder of its own", {
        "labels/labels.csv": table(APTOS, A), **pictures("images/{}.jpg", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    Row("some images in one version, some in another", {
        "labels.csv": table(APTOS, A), **pictures("cropped/{}.jpg", A[5:]), **pictures("full/{}.jpg", A[:9]),
    }, "", 10, 4, EVEN, 10, (10, 0, 0), 0, "1 image of `cropped` may be of other people, or another version"),
    Row("one folder of a grade that says its split too", graded("{folder}/{name}.png", (*WORDS[:4], "PDR train")), "",
        10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    Row("labels of a third of the pictures", {
        "labels.csv": table(APTOS, A), **pictures("pictures/{}.png", names(30)),
    }, "", 10, 20, EVEN, 10, (10, 0, 0), 0, "20 of 30 pictures are not used, as the labels do not list them"),
    Row("labels of some pictures, the others in folders of grades", {
        "labels.csv": table(APTOS, A), **pictures("pictures/{}.png", A), **graded("{folder}/{name}.png", WORDS, 4, 50),
    }, "", 10, 20, EVEN, 10, (10, 0, 0), 1, "20 pictures in folders of grades (`Mild/e054f.png`"),
    Row("EyePACS with more test photographs than graded ones", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
        **pictures("test/{}.jpeg", eyes(10, 5)),
    }, "", 10, 20, EVEN, 5, (10, 0, 0), 0, "Fit to train on: nothing was found"),
    Row("photographs without extension", {
        "trainLabels.csv": table(KAGGLE, eyes(5)),
        **{f"train/{name}": picture(n, "JPEG") for n, name in enumerate(eyes(5))},
    }, "", 0, 10, EVEN, 5, (10, 0, 0), 1, "10 lie there under names without the extension of a picture ("),
    Row("photographs that a download numbered", {
        "labels.csv": table(APTOS, A, "{name}.jpg,{grade}"),
        **{f"p/{name}.jpg.1": picture(n, "JPEG") for n, name in enumerate(A)},
    }, "", 0, 10, EVEN, 10, (10, 0, 0), 1, "10 lie there under names without the extension of a picture ("),
    Row("photographs under other names, and DICOM files without extension", {
        **graded("{folder}/{name}.jpe", NUMBERS), "0/a.JPEG_": picture(70, "JPEG"), "0/b.jpg.1": picture(71, "PNG"),
        "0/c": bytes(128) + b"DICM", "0/d": "no picture",
    }, "", 10, 3, EVEN, 10, (10, 0, 0), 1,
        "3 pictures (1 in a format that is not read, 2 without the extension of a picture: rename to .jpg"),
    refused("pictures without extension and nothing else", {
        name: picture(n, "JPEG") for n, name in enumerate(A)
    }, "", "`e000f` is a picture (.jpg): give it that extension"),
    Row("a hidden picture, and what macOS notes of one", {
        **graded("{folder}/{name}.png", NUMBERS), "0/.x00.png": None, "0/._e000f.png": b"\x00\x05\x16\x07",
    }, "", 10, 1, EVEN, 10, (10, 0, 0), 0, "not used: 1 picture (1 hidden, as the name begins with a dot)"),
    Row("accents that macOS takes apart", {
        "labels.csv": table(APTOS, [f"caf\xe9/\xe9{name}" for name in A]),
        **pictures("cafe\u0301/e\u0301{}.png", A),
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "the files name no test split"),
    refused("a MedMNIST file that ends early", {"retinamnist.npz": b"PK\x03\x04" + bytes(900)}, "",
            "`retinamnist.npz` is no whole .npz file: get it again", code=2),
    Row("TIFF files of several pages", {
        "train.csv": table(APTOS, A), **pictures("p/{}.png", A[1:]), "p/e000f.tif": PAGES,
    }, "", 10, 0, EVEN, 10, (10, 0, 0), 0, "of several pages, of which the first is used: 1 of 10 images"),
    *(Row(f"the eyes of OD and {other} {where} grades", {
        pattern.format(eye=eye, grade=n % 5, n=n): None for n in range(10) for eye in ("OD", other)
      }, "", 20, 0, DOUBLE, 10, (20, 0, 0), 0, "Fit to train on") for other in ("OS", "OI", "OE", "OG")
      for where, pattern in (("above", "{eye}/{grade}/{n:03}.jpg"), ("below", "{grade}/{eye}/{n:03}.jpg"))),
    Row("photographs centred on disc and macula", {
        f"{n % 5}/{field}/{n:03}.jpg": None for n in range(10) for field in ("OD", "macula")
    }, "", 20, 0, DOUBLE, 20, (20, 0, 0), 0, "Fit to train on"),
    Row("masks of the optic disc", {
        "labels.csv": table(APTOS, A), **pictures("od/{}.png", A), **pictures("photos/{}.png", A),
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "10 masks, annotations or thumbnails by their names"),
    Row("splits below a folder that says training", {
        **graded("training_data/train/{folder}/{name}.jpg", NUMBERS),
        **graded("training_data/val/{folder}/{name}.jpg", NUMBERS, 1, 20),
        **graded("training_data/test/{folder}/{name}.jpg", NUMBERS, 1, 40),
    }, "", 20, 0, DOUBLE, 20, (10, 5, 5), 0, "Fit to train on"),
    Row("splits with label files below a folder that says training", {
        f"DR_training_set/{split}/{name}": content for split, listed in (("train", A), ("test", C))
        for name, content in {"labels.csv": table(KAGGLE, listed), **pictures("{}.png", listed)}.items()
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 0, 5), 0, "Fit to train on"),
    Row("splits below a folder that says test", {
        **graded("dr-test-project/train/{folder}/{name}.jpg", NUMBERS),
        **graded("dr-test-project/val/{folder}/{name}.jpg", NUMBERS, 1, 20),
    }, "", 15, 0, [3, 3, 3, 3, 3], 15, (10, 5, 0), 0, "Fit to train on"),
    Row("folders of grades of another collection beside a label file", {
        "aptos/train.csv": table(APTOS, names(20)), **pictures("aptos/train_images/{}.png", names(20)),
        **graded("messidor/{folder}/{name}.png", NUMBERS, 2, 50),
    }, "", 20, 10, DOUBLE, 20, (20, 0, 0), 1, "10 pictures in folders of grades (`messidor/0/e050f.png`"),
    Row("folders of grades of copies beside a label file", {
        "train.csv": table(APTOS, A), **pictures("train_images/{}.png", A),
        **{f"aug/{n % 5}/{name}_rot90.png": None for n, name in enumerate(A)},
    }, "", 10, 10, EVEN, 10, (10, 0, 0), 0, "not used: 10 pictures (10 not listed in the labels)"),
    Row("folders of patients with numbers that no line lists", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
        **{f"extra/{n}/{n}_l1.jpg": None for n in range(9)},
    }, "", 10, 9, EVEN, 5, (10, 0, 0), 0, "not used: 9 pictures (9 not listed in the labels)"),
    *(Row(f"grade folders in one called {folder}", {
        **graded(f"{folder}/{{folder}}/{{name}}.png", NUMBERS), **graded("pilot/{folder}/{name}.png", NUMBERS, 2, 50),
      }, "", 10, 10, EVEN, 10, (10, 0, 0), 1, "but no picture that is used has their names: rename the folders")
      for folder in ("annotation_2019", "labels")),
    Row("a test split in folders from 1 to 5", {
        **graded("train/{folder}/{name}.png", NUMBERS), **graded("test/{folder}/{name}.png", "12345", 1, 50),
    }, "", 14, 1, [2, 3, 3, 3, 3], 14, (10, 0, 4), 1, "counted from 1, as others are from 0, rename them 0 to 4"),
    Row("two label files, one of which counts from 1 to 4", {
        "a/labels.csv": table(APTOS, A), **pictures("a/p/{}.png", A), **pictures("b/p/{}.png", C),
        "b/labels.csv": "id_code,diagnosis\n" + "".join(f"{name},{1 + n % 4}\n" for n, name in enumerate(C)),
    }, "", 15, 0, [2, 4, 3, 3, 3], 15, (15, 0, 0), 0, "no image has grade 0 in b/labels.csv, but others have"),
    Row("a column of splits against folders of others", {
        "labels.csv": table("id_code,diagnosis,split", A, "{name},{grade},train") + table("", C, "{name},{grade},test"),
        **pictures("test/{}.png", A), **pictures("train/{}.png", C),
    }, "", 0, 15, [3, 3, 3, 3, 3], 15, (10, 0, 5), 1, "move them, or correct the column of splits in the label file"),
    Row("folders with counts and signs", graded("{folder}/{name}.png", ("No DR Signs (1805)", "NPDR mild",
        "Moderate (37)", "Severe", "PDR")), "", 10, 0, EVEN, 10, (10, 0, 0), 0, "Fit to train on"),
    # advice after a look
    Row("photographs under another name", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}_resized.jpeg", eyes(5)),
    }, "", 0, 10, EVEN, 5, (10, 0, 0), 1,
        "10 pictures that no line lists lie there (`train/0_left_resized.jpeg`, `train/0_right_resized.jpeg`)"),
    Row("photographs of a validation folder that train.csv lists", {
        "train.csv": table(APTOS, [*A, *B]), **pictures("train/{}.png", A), **pictures("val/{}.png", B),
    }, "", 10, 5, [3, 3, 3, 3, 3], 15, (15, 0, 0), 1, "5 pictures of these names lie in a folder of another split"),
    Row("some photographs are missing", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(4)),
    }, "", 8, 0, EVEN, 5, (10, 0, 0), 1, "not there: 2 of 10 listed images; add them, or delete their lines"),
    Row("some photographs are HEIC", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **pictures("train/{}.jpeg", eyes(4)), "train/4_left.heic": b"ftyp",
        "train/4_right.HEIC": b"ftyp",
    }, "", 8, 2, EVEN, 5, (10, 0, 0), 1, "2 lie there in a format that is not read (`train/4_left.heic`"),
    Row("all photographs are HEIC", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), **{f"train/{name}.heic": b"ftyp" for name in eyes(5)},
    }, "", 0, 10, EVEN, 5, (10, 0, 0), 1, "10 lie there in a format that is not read (`train/0_left.heic`"),
    Row("photographs still packed", {
        "trainLabels.csv": table(KAGGLE, eyes(5)), "train.zip.001": b"PK", "train.zip.002": b"",
    }, "", 0, 0, EVEN, 5, (10, 0, 0), 0, "; to unpack: 1 archive"),
    refused("an image listed twice", {
        "trainLabels.csv": table(KAGGLE, [*eyes(5), "0_left"]), **pictures("train/{}.jpeg", eyes(5)),
    }, "", "but 0_left (trainLabels.csv, line 2 and trainLabels.csv, line 12) stand twice; delete one line of each"),
    refused("an image listed twice with two grades", {
        "trainLabels.csv": table(KAGGLE, eyes(5)) + "0_left,3\n", **pictures("train/{}.jpeg", eyes(5)),
    }, "", "their grades differ: find out which line is right"),
    refused("label files of several folds", {
        f"fold{n}_{split}.csv": table(KAGGLE, A[:5] if (split == "val") == n else A[5:])
        for n in (0, 1) for split in ("train", "val")
    } | pictures("p/{}.png", A), "", "several label files list them, as for folds: keep one file of each split"),
    refused("two eyes of one name", {
        "labels.csv": "id,eye,dr\n" + "".join(f"{n},{eye},{n}\n" for n in range(5) for eye in ("L", "R")),
        **pictures("{}.png", map(str, range(5))),
    }, "--labels labels.csv --image-column id --grade-column dr --eye-column eye",
        "the file's eyes differ: name the column of the images' own names with --image-column"),
    refused("a label file without header", {
        "trainLabels.csv": table("", eyes(5)), **pictures("train/{}.jpeg", eyes(5)),
    }, "", "trainLabels.csv must begin with a header, but begins with '0_left,0' (trainLabels.csv, line 1)"),
    refused("a label file with another header and no grades that are known", {
        "list.csv": table("filename,quality", A, "{name},good"), **pictures("pictures/{}.png", A),
    }, "", "`list.csv` has the columns 'filename', 'quality': read it with --labels list.csv --image-column filename"),
    refused("a label file with another header", {
        "train.csv": table("filename,dr_class", A), **pictures("pictures/{}.png", A),
    }, "", "`train.csv` has the columns 'filename', 'dr_class': read it with --labels train.csv --image-column "
        "filename --grade-column dr_class"),
    refused("one endless line", {
        "trainLabels.csv": "image,level" + "x" * 20_000, **pictures("train/{}.jpeg", eyes(5)),
    }, "", "a line of a label file must have at most 10,000 characters"),
    refused("a quote that is not closed", {
        "train.csv": table(APTOS, A[:2]) + '"' + table("", A[2:]), **pictures("train_images/{}.png", A),
    }, "", "a quote is not closed"),
    refused("a header in the lab's files", {
        "train_img.csv": table("image", A, "{name}"), "train_label.csv": table("level", A, "{grade}"),
        **pictures("images/{}.png", A),
    }, "", "train_img.csv must have no header, but got 'image'"),
    refused("two label files that contradict each other", {
        "labels_a.csv": table(APTOS, A), "labels_b.csv": table(APTOS, A[1:]), **pictures("{}.png", A),
    }, "", "9 with another grade"),
    refused("a grade that is none", {
        "train.csv": table(APTOS, A) + "e055f,mild-ish\n", **pictures("train_images/{}.png", [*A, "e055f"]),
    }, "", "say what each means, --grade 'mild-ish=?', with a grade"),
    refused("a doubtful grade", {
        "train.csv": table(APTOS, A) + "e055f,2?\n", **pictures("train_images/{}.png", [*A, "e055f"]),
    }, "", "a grade must be 0, 1, 2, 3 or 4, but got '2?' (train.csv, line 12)"),
    refused("two columns of one name", {
        "labels.csv": table("image,level,Level ", A, "{name},{grade},0"), **pictures("{}.png", A),
    }, "--labels labels.csv --image-column image --grade-column level", "has 'level' and 'Level'; rename or delete"),
    refused("folds that are numbered like grades", {
        f"{fold}/{folder}/{fold}{number}f.png": None for fold in "01234" for number, folder in enumerate(NUMBERS)
    }, "", "names two; rename the outer folders"),
    refused("a quote that is not closed in a large file", {
        "train.csv": table(APTOS, A[:2]) + '"' + table("", map(str, range(20_000))), **pictures("p/{}.png", A),
    }, "", "a quote is not closed"),
    refused("grade 5 where none is ungradable", {
        "train.csv": table(APTOS, A) + "e055f,5\n", **pictures("train_images/{}.png", [*A, "e055f"]),
    }, "", "a grade must be 0, 1, 2, 3 or 4, but got '5' (train.csv, line 12)"),
    refused("grades counted from 1", {
        "train.csv": table(APTOS, A).replace(",0", ",5"), **pictures("p/{}.png", A),
    }, "", "where these are grades counted from 1, --grade 1=0"),
    refused("an empty label file", {"train.csv": "", **pictures("p/{}.png", A)}, "", "`train.csv` is empty"),
    refused("a column for each disease", {
        "Training_Labels.csv": "ID,Disease_Risk,DR\n" + "".join(f"{n},1,{n % 2}\n" for n in range(10)),
        **pictures("Training/{}.png", map(str, range(10))),
    }, "", "read it with --labels Training_Labels.csv --image-column ID --grade-column NAME, if it has grades"),
    refused("paths of another machine", {
        "train.csv": table(APTOS, [f"C:\\data\\{name}" for name in A]), **pictures("train_images/{}.png", A),
    }, "", "give the plain name"),
    refused("pictures and nothing else", pictures("{}.png", A), "",
            "10 pictures lie there (`e000f.png`, `e001f.png`)"),
    refused("a column that is not there", {
        "labels.csv": table("a,b", A), **pictures("{}.png", A),
    }, "--labels labels.csv --image-column a --grade-column c",
        "--grade-column must name a column of labels.csv ('a', 'b')"),
    refused("columns of several readers' grades", {
        "labels.csv": table("file,grader1_dr,grader2_dr,final_dr", A, "{name},0,{grade},{grade}")
        + table("", B, "{name},1,{grade},{grade}") + table("", C, "{name},2,{grade},{grade}"),
        **pictures("{}.png", [*A, *B, *C]),
    }, "", "and one of --grade-column grader1_dr, --grade-column grader2_dr, --grade-column final_dr"),
    refused("two choices", graded("{folder}/{name}.png", NUMBERS), "--layout folders --labels x.csv",
            "one of --labels and --layout must choose"),
    refused("DICOM files and nothing else", {f"{name}.dcm": b"" for name in A}, "",
            "no picture lies there; 10 files .dcm, which is not read"),
    refused("a spreadsheet", {"labels.xlsx": b"PK", **pictures("{}.png", A)}, "",
            "`labels.xlsx` is an Excel table, which is not read: save it as `labels.csv`"),
    refused("labels in a JSON file", {"labels.json": "{}", **pictures("{}.png", A)}, "",
            "`labels.json` is a JSON file, which is not read: save it as `labels.csv`"),
    refused("a spreadsheet that is called .csv", {
        "train.csv": b"PK\x03\x04 [Content_Types].xml", **pictures("{}.png", A),
    }, "", "train.csv is an Excel table (.xlsx): save it as CSV"),
    refused("a label file that is a Git LFS pointer", {"train.csv": LFS, **pictures("{}.png", A)}, "",
            "train.csv is a Git LFS pointer, not the file itself: run `git lfs pull`"),
    refused("a label file that is a web page", {"train.csv": HTML, **pictures("{}.png", A)}, "",
            "train.csv is an HTML page: download it again"),
    refused("a column for a layout that has none", graded("{folder}/{name}.png", NUMBERS), "--patient-column person",
            "--patient-column must name a column of a label file with a header, but the layout folders has none"),
    refused("an empty folder", {"README.txt": "nothing yet"}, "", "none was recognised", code=2),
]  # fmt: skip


def check(folder: Path, flags: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> tuple[int, dict[str, Any], str]:
    """Exit code of `retina data check --json`, what it found, and all that it printed."""
    import shlex

    monkeypatch.setattr(sys, "argv", ["retina", "data", "check", str(folder), "--json", *shlex.split(flags)])
    code = 0
    try:
        run_command()
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out.strip() else {}, printed.out + printed.err


def assert_read(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What `retina data check` says of a row's data set."""
    code, report, printed = check(build(tmp_path, row.files), row.flags, monkeypatch, capsys)
    texts = [report.get("verdict", {}).get("text", ""), *report.get("notes", []), *report.get("fates", {})]
    texts += [one["text"] for one in report.get("findings", [])]
    assert code == row.code, printed
    assert any(row.sentence in text for text in texts) or (not report and row.sentence in printed), texts
    if not row.grades:
        assert "findings" not in report
        return
    found = report["verdict"]
    assert (found["used"], found["unused"], found["patients"]) == (row.used, row.unused, row.patients)
    assert [sum(grades) for grades in zip(*report["grades"].values(), strict=True)] == row.grades
    assert tuple(report["images"].get(split, 0) for split in ("train", "val", "test")) == row.splits
    assert sum(len(files) for files in report["fates"].values()) == len(row.files)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_data_set_as_people_have_it(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert_read(row, tmp_path, monkeypatch, capsys)


def test_a_medmnist_file_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    write_medmnist(tmp_path / "retinamnist.npz")
    code, report, _ = check(tmp_path, "", monkeypatch, capsys)
    assert (code, report["images"]) == (0, {"train": 30, "val": 8, "test": 10})
    assert report["verdict"]["used"] == 48


def test_there_are_enough_rows() -> None:
    assert len(ROWS) >= 40 and len({row.name for row in ROWS}) == len(ROWS)
