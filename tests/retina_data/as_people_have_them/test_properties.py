"""Whatever is renamed, nested, written in other letters or left over: each file is counted, and no image is lost."""

from __future__ import annotations

import os
import re
import string
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.layouts.grade_folders import grade_of

WORDS = (
    ("0", "No_DR", "normal", "0_No_DR", "Grade 0"),
    ("1", "Mild", "mild npdr", "1-mild", "class1"),
    ("2", "MODERATE", "Moderate_NPDR", "grade2"),
    ("3", "Severe", "severe dr", "3 severe"),
    ("4", "PDR", "Proliferate", "Proliferative_DR", "level4"),
)
LEFTOVERS = (".DS_Store", "Thumbs.db", "desktop.ini", "._x.png", "__MACOSX/._y.png", ".ipynb_checkpoints/z.png")
OTHERS = ("README.md", "LICENSE", "notes.docx", "extra.heic", "scan.dcm", "figures.xlsx", "labels.json")

stems = st.lists(
    st.text(string.ascii_lowercase + string.digits + "-_ ", min_size=1, max_size=8).map(lambda text: f"q{text}q"),
    min_size=6, max_size=20, unique=True,
)  # fmt: skip
extensions = st.sampled_from((".png", ".jpg", ".JPG", ".jpeg", ".tif", ".TIFF", ".bmp", ".WebP"))
nesting = st.sampled_from(("", "images/", "data/", "archive/images/", "x/y/z/", "train_images/train_images/"))
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def write(folder: Path, name: str, text: str = "") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def files_below(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


@quick
@given(
    stems=stems, extension=extensions, place=nesting, upper=st.booleans(), listed=st.integers(1, 20),
    delimiter=st.sampled_from(",;\t"), left=st.sets(st.sampled_from(LEFTOVERS + OTHERS)),
)  # fmt: skip
def test_label_file_finds_its_images_and_every_file_is_counted(
    stems: list[str], extension: str, place: str, upper: bool, listed: int, delimiter: str, left: set[str]
) -> None:
    chosen = stems[:listed]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for stem in stems:
            write(folder, f"{place}{stem.upper() if upper else stem}{extension}")
        for file in left:
            write(folder, f"{place}{file}")
        lines = [f"{stem}{delimiter}{number % 5}" for number, stem in enumerate(chosen)]
        write(folder, "labels.csv", "\n".join([f"id_code{delimiter}diagnosis", *lines]))
        data = read_index(folder)
        assert data.table["image"].tolist() == [stem.strip() for stem in chosen]
        assert data.table["grade"].tolist() == [number % 5 for number in range(len(chosen))]
        assert [Path(path).stem.lower() for path in data.table["path"]] == chosen
        inventory = data.inventory
        assert inventory.files == files_below(folder)
        assert sum(inventory.used.values()) == len(chosen) + 1
        unread = sum(file.endswith((".heic", ".dcm")) for file in left)
        assert inventory.unused_pictures == len(stems) - len(chosen) + unread


@quick
@given(
    stems=stems, extension=extensions, data=st.data(), left=st.sets(st.sampled_from(LEFTOVERS + OTHERS)),
    place=st.sampled_from(("", "archive/", "a/b/")), splits=st.booleans(),
)  # fmt: skip
def test_folders_of_grades_are_read_and_every_file_is_counted(
    stems: list[str], extension: str, data: st.DataObject, left: set[str], place: str, splits: bool
) -> None:
    folders = [data.draw(st.sampled_from(spellings)) for spellings in WORDS]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number, stem in enumerate(stems):
            split = ("train/", "test/")[number % 2] if splits else ""
            write(folder, f"{place}{split}{folders[number % 5]}/{stem}{extension}")
        for file in left:
            write(folder, f"{place}{file}")
        found = read_index(folder)
        assert sorted(Path(path).stem for path in found.table["path"]) == sorted(stems)
        said = [grade_of(Path(path).parent.name, {}) for path in found.table["path"]]
        assert found.table["grade"].tolist() == said
        expected = {"train": len(stems) - splits * (len(stems) // 2), "test": splits * (len(stems) // 2)}
        assert found.table["split"].value_counts().to_dict() == {split: n for split, n in expected.items() if n}
        assert found.inventory.files == files_below(folder)


@quick
@given(
    patients=st.lists(st.integers(1, 99), min_size=4, max_size=8, unique=True), upper=st.sets(st.integers(0, 7)),
    copies=st.lists(st.sampled_from(("raw", "CLAHE", "aug", "resized_512", "train_cropped")), max_size=2, unique=True),
    visits=st.sampled_from(((), ("2019", "2020"), ("Visit 1", "Visit 2"), ("baseline", "T1"))),
    name=st.sampled_from(("p{}_{}", "20190312_p{}_{}", "p{}_T0_{}", "aug_1_p{}_{}", "p{}_{}_clahe")),
)  # fmt: skip
def test_patients_stay_whatever_is_copied_revisited_and_written_in_capitals(
    patients: list[int], upper: set[int], copies: list[str], visits: tuple[str, ...], name: str
) -> None:
    with TemporaryDirectory() as root:
        for visit in visits or (".",):
            for copy in (".", *copies):
                for n, (patient, eye) in enumerate((patient, eye) for patient in patients for eye in ("left", "right")):
                    file = name.format(patient, eye)
                    write(Path(root), f"{n % 5}/{visit}/{copy}/{file.upper() if n in upper else file}.png")
        found = read_index(Path(root)).table
        number = found["image"].str.extract(r"p(\d+)_", flags=re.IGNORECASE)[0]
        assert len(found) == 2 * len(patients) * max(1, len(visits)) * (1 + len(copies))
        assert found["patient"].nunique() == len(patients)
        assert (found.groupby(number)["patient"].nunique() == 1).all()


@quick
@given(odd=st.text(string.ascii_letters, min_size=1, max_size=8), count=st.integers(1, 5))
def test_a_folder_beside_those_of_grades_is_never_dropped_in_silence(odd: str, count: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for grade in "01234":
            write(folder, f"grades/{grade}/a{grade}.png")
        for number in range(count):
            write(folder, f"grades/{odd}/b{number}.png")
        found = read_index(folder, missing="keep")
        used = found.inventory.used["used"]
        assert found.inventory.files == files_below(folder)
        assert used == 5 + count or found.notes[-1].startswith(f"not used: {count} picture")
        if "unknown grade folder" in {one.kind for one in found.refusals}:
            try:
                read_index(folder)
            except DataError as error:
                assert odd in str(error)
            else:
                raise AssertionError("it must be refused")
