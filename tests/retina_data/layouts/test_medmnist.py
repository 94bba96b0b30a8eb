"""retina_data.layouts.medmnist: splits are kept, images come one by one, and a file that is none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retina_data.audit.labels import audit
from retina_data.errors import DataError
from retina_data.layouts import medmnist
from retina_data.layouts.dataset import read_index
from retina_data.splits import assign_splits

COUNTS = {"train": 30, "val": 8, "test": 10}


def write_medmnist(
    file: Path, side: int = 28, channels: tuple[int, ...] = (3,), **changed: object
) -> dict[str, object]:
    """A MedMNIST file of random images."""
    rng = np.random.default_rng(0)
    arrays: dict[str, object] = {}
    for split, count in COUNTS.items():
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, side, side, *channels), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count, dtype=np.uint8) % 5)[:, None]
    arrays = {name: value for name, value in (arrays | changed).items() if value is not None}
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return arrays


def test_its_own_parts_are_kept(tmp_path: Path) -> None:
    write_medmnist(tmp_path / "retinamnist.npz")
    data = read_index(tmp_path / "retinamnist.npz")
    assert data.layout == "medmnist" and data.folder == tmp_path / "retinamnist.npz" and not data.labels_only
    assert data.table["split"].value_counts().to_dict() == COUNTS
    assert data.table["patient"].nunique() == 48 and "intervals are too narrow" in data.notes[0]
    assert data.table["grade"].tolist()[:7] == [0, 1, 2, 3, 4, 0, 1]
    assert read_index(tmp_path).table.equals(data.table)
    splits = assign_splits(data.table)
    assert (splits == data.table["split"]).all()
    report = audit(data)
    assert report["images"] == COUNTS and report["grades"]["val"] == [2, 2, 2, 1, 1]


@pytest.mark.parametrize("channels", [(3,), ()])
def test_images_come_in_the_order_of_the_entries(tmp_path: Path, channels: tuple[int, ...]) -> None:
    arrays = write_medmnist(tmp_path / "a.npz", channels=channels)
    images = list(medmnist.pixels(tmp_path / "a.npz"))
    assert len(images) == 48 and all(image.shape == (28, 28, 3) and image.dtype == np.uint8 for image in images)
    last = np.asarray(arrays["test_images"])[-1]
    assert np.array_equal(images[-1][..., 1], last[..., 1] if channels else last)


def test_parts_may_be_missing(tmp_path: Path) -> None:
    write_medmnist(tmp_path / "a.npz", val_images=None, val_labels=None)
    table = read_index(tmp_path / "a.npz").table
    assert set(table["split"]) == {"train", "test"} and set(assign_splits(table)) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_labels": np.full((30, 1), 7)}, "got 7 .*train_labels, row 0"),
        ({"train_labels": np.zeros((30, 1))}, "whole numbers"),
        ({"train_labels": np.zeros((29, 1), int)}, "30 and 29"),
        ({"train_images": np.zeros((30, 28, 28, 3))}, "uint8, but holds float64"),
        ({"train_images": np.zeros((30, 28, 28, 28), np.uint8)}, r"has shape \(30, 28, 28, 28\)"),
        ({"test_labels": None}, "must have test_labels"),
        ({"val_labels": np.array([[None]] * 8)}, "must be an array of numbers"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    write_medmnist(tmp_path / "a.npz", **changed)
    with pytest.raises(DataError, match=message):
        read_index(tmp_path / "a.npz")


def test_what_is_no_medmnist_file_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no zip")
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    for file in ("a.npz", "b.npz", "."):
        with pytest.raises(DataError, match="none was recognised"):
            read_index(tmp_path / file)
    write_medmnist(tmp_path / "c.npz")
    write_medmnist(tmp_path / "d.npz")
    with pytest.raises(DataError, match="one MedMNIST file, but .* holds c.npz, d.npz"):
        read_index(tmp_path)


def test_a_file_that_says_more_than_it_has_is_refused(tmp_path: Path) -> None:
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (4, 4000, 4000, 3)})
    labels = io.BytesIO()
    np.save(labels, np.zeros((4, 1), np.uint8))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train_images.npy", header.getvalue())
        archive.writestr("train_labels.npy", labels.getvalue())
    read_index(tmp_path / "a.npz", "medmnist")
    with pytest.raises(DataError, match="ends early"):
        next(medmnist.pixels(tmp_path / "a.npz"))


def test_labels_of_another_disease_are_refused_unless_they_are_chosen(tmp_path: Path) -> None:
    labels = {f"{split}_labels": (np.arange(count, dtype=np.uint8) % 4)[:, None] for split, count in COUNTS.items()}
    write_medmnist(tmp_path / "octmnist.npz", channels=(), **labels)
    for data in (tmp_path, tmp_path / "octmnist.npz"):
        with pytest.raises(
            DataError, match=r"grades 0\.\.4, but the labels of .*octmnist\.npz are 0\.\.3.*--layout medmnist"
        ):
            read_index(data)
    assert read_index(tmp_path, "medmnist").table["grade"].max() == 3
