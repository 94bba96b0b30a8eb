"""retina_data.layouts.layouts: each layout is recognised, and the one that names a test split comes first."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from retina_data.audit.labels import audit
from retina_data.audit.report import check
from retina_data.cache.preparation import prepare
from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.layouts.layouts import LAYOUTS
from tests.retina_data.layouts.test_dataset import write_image, write_lab
from tests.retina_data.layouts.test_medmnist import write_medmnist


def test_aptos_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id_code,diagnosis\n000c1434d8d7,2\n001639a390f0,4\n")
    (tmp_path / "test.csv").write_text("id_code\n0005cfc8afb6\n")
    for name in ("000c1434d8d7", "001639a390f0"):
        write_image(tmp_path / "train_images" / f"{name}.png")
    data = read_index(tmp_path)
    assert (data.layout, data.labels_only, data.table["grade"].tolist()) == ("aptos", False, [2, 4])
    assert read_index(tmp_path / "train.csv").layout == "aptos"
    assert data.table["split"].tolist() == ["train", "train"] and data.table["patient"].nunique() == 2


def test_any_other_train_csv_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="`train.csv` has the columns 'a', 'b'.*looked for.*id_code,diagnosis"):
        read_index(tmp_path)
    (tmp_path / "train.csv").write_text("id_code,level\n1,2\n")
    with pytest.raises(DataError, match="has the columns 'id_code', 'level'"):
        read_index(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [
        ["0", "1", "2", "3", "4"],
        ["No_DR", "Mild", "Moderate", "Severe", "Proliferate_DR"],
        ["no_dr", "mild", "moderate", "severe", "Proliferative_DR"],
    ],
)
def test_a_folder_for_each_grade_is_read(tmp_path: Path, folders: list[str]) -> None:
    for grade, folder in enumerate(folders):
        for n in range(grade + 1):
            write_image(tmp_path / folder / f"{n}.JPG")
    write_image(tmp_path / folders[0] / "7_left.png")
    write_image(tmp_path / folders[3] / "7_right.png")
    (tmp_path / folders[0] / "notes.txt").touch()
    data = read_index(tmp_path)
    assert data.layout == "folders" and not data.labels_only
    assert data.table["grade"].value_counts().sort_index().tolist() == [2, 2, 3, 5, 5]
    both = data.table[data.table["eye"] != ""]
    assert both["patient"].nunique() == 1 and both["grade"].tolist() == [0, 3]
    folders_of = [Path(path).parent.name for path in data.table["path"]]
    assert folders_of == [name.split("/")[0] for name in data.table["image"]]


def test_some_grades_may_lack_a_folder_but_one_folder_is_no_layout(tmp_path: Path) -> None:
    write_image(tmp_path / "2" / "a.jpeg")
    with pytest.raises(DataError, match="none was recognised"):
        read_index(tmp_path)
    write_image(tmp_path / "4" / "a.jpeg")
    assert read_index(tmp_path).table["image"].tolist() == ["2/a", "4/a"]
    (tmp_path / "2" / "a.jpeg").unlink()
    (tmp_path / "4" / "a.jpeg").unlink()
    with pytest.raises(DataError, match="no picture lies there"):
        read_index(tmp_path)


def test_a_link_out_of_a_grade_s_folder_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "set" / "0" / "a.jpeg")
    write_image(tmp_path / "secret.jpeg")
    (tmp_path / "set" / "2").mkdir()
    (tmp_path / "set" / "2" / "b.jpeg").symlink_to(tmp_path / "secret.jpeg")
    with pytest.raises(DataError, match="2/b .*link"):
        read_index(tmp_path / "set")


def test_where_two_fit_the_one_with_a_test_part_is_taken_and_said(tmp_path: Path) -> None:
    for grade in "02":
        write_image(tmp_path / grade / "a.jpeg")
    (tmp_path / "trainLabels.csv").write_text("image,level\n0/a,0\n2/a,2\n")
    first = read_index(tmp_path)
    assert first.layout == "kaggle" and first.notes == (
        "layout kaggle is read although folders fits too (--layout chooses)",
    )
    write_medmnist(tmp_path / "set.npz")
    second = read_index(tmp_path, missing="keep")
    assert "medmnist is read, which names a test split, although kaggle, folders fits" in second.notes[0]
    assert [one.kind for one in second.refusals] == ["labels not read"]
    write_lab(tmp_path, ending=".jpeg")
    assert read_index(tmp_path, missing="keep").layout == "lab"
    for name in ("lab", "kaggle", "folders", "medmnist"):
        assert read_index(tmp_path, name).layout == name
    for name in sorted(set(LAYOUTS) - {"lab", "kaggle", "folders", "medmnist"}):
        with pytest.raises(DataError, match=f"looked for {name}: "):
            read_index(tmp_path, name)


def _with_patients(folder: Path, *patients: str) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = ["image,level,patient"]
    for number, patient in enumerate(patients):
        Image.new("RGB", (40, 40), (40 * number, 90, 20)).save(folder / "images" / f"eye{number}.png")
        lines.append(f"eye{number},{number % 2},{patient}")
    (folder / "trainLabels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_column_of_the_label_file_may_tell_the_patient(tmp_path: Path) -> None:
    data = read_index(_with_patients(tmp_path, "ann", "bob", "ann", "1"))
    assert data.table["patient"].tolist() == [0, 1, 0, 2] and data.patients_given
    assert "no patients" not in [finding["kind"] for finding in audit(data)["findings"]]
    (tmp_path / "trainLabels.csv").write_text("image,level\n" + "".join(f"eye{n},{n % 2}\n" for n in range(4)))
    alone = read_index(tmp_path)
    assert alone.table["patient"].tolist() == [0, 1, 2, 3] and not alone.patients_given
    [finding] = [one for one in check(alone, None)[1] if one.kind == "no patients"]
    assert (finding.severity, finding.count) == ("warning", 4)


def test_other_patients_are_another_data_set(tmp_path: Path) -> None:
    """Who the patients are decides the split: a cache made before must not be taken for this one."""
    caches = [
        prepare(read_index(_with_patients(tmp_path / "data", *patients)), tmp_path, image_size=32, progress=False)
        for patients in (("a", "b", "a", "c"), ("a", "b", "c", "c"))
    ]
    assert len({cache.digest for cache in caches}) == 2
    assert [cache.table["group"].nunique() for cache in caches] == [3, 3]
    assert not caches[0].table["group"].equals(caches[1].table["group"])


def test_an_image_whose_patient_is_not_named_is_told_by_its_name(tmp_path: Path) -> None:
    data = read_index(_with_patients(tmp_path, "ann", "", "ann", "n/a"))
    assert data.table["patient"].tolist() == [0, 1, 0, 2] and data.unknown_patients == 2
    assert (
        "patients: by a column for 2 images, by the names alone for 2; 2 of these have a value that" in data.notes[-1]
    )
