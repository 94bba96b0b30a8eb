"""What is known of a data set before its photographs are decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retina_data.cache.preparation import prepare
from retina_data.cache.preview import is_prepared, preview
from retina_data.errors import DataError
from retina_data.images import decode
from retina_data.images.decode import ImageSpec
from retina_data.layouts.dataset import DataSet, read_index
from tests.fixtures.study import small_data
from tests.retina_data.layouts.test_medmnist import write_medmnist

SPEC = ImageSpec(32, "fov", "none")


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    return read_index(small_data(tmp_path / "data"))


def test_one_photograph_is_decoded_and_nothing_written(dataset: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Any] = []
    read = decode.read_photograph
    monkeypatch.setattr(decode, "read_photograph", lambda source, spec: decoded.append(source) or read(source, spec))
    found = preview(dataset, SPEC, progress=False)
    assert decoded == [Path(dataset.table["path"][0])]
    assert found.cache.images.shape == (len(dataset.table), 32, 32, 3) and found.unreadable == ""
    assert found.nbytes == len(dataset.table) * 32 * 32 * 3 and found.decode_seconds > 0
    assert found.cache.field_of_view_note == ""
    assert found.cache.digest == "" and found.cache.table["sha256"].is_unique
    assert {path.name for path in dataset.folder.parent.iterdir()} == {"data"}


def test_it_has_the_rows_grades_and_patients_of_the_prepared_set(dataset: DataSet, tmp_path: Path) -> None:
    assert not is_prepared(dataset, tmp_path, SPEC)
    found = preview(dataset, SPEC, progress=False).cache
    cache = prepare(dataset, tmp_path, image_size=32, progress=False)
    for column in ("grade", "patient", "split", "group", "error"):
        assert found.table[column].tolist() == cache.table[column].tolist()
    assert is_prepared(dataset, tmp_path, SPEC) and not is_prepared(dataset, tmp_path, replace(SPEC, size=48))
    assert (found.images[0] == cache.images[0]).mean() > 0.9  # the shape of all was not known


def test_photographs_without_a_header_are_named(dataset: DataSet) -> None:
    paths = [Path(path) for path in dataset.table["path"]]
    paths[0].write_bytes(b"%PDF-1.7 and so on")
    paths[3].write_bytes(b"")
    found = preview(dataset, SPEC, progress=False)
    assert found.unreadable.startswith(f"2 of {len(paths)}: {paths[0].name} (no photograph but ")
    assert f"{paths[3].name} (the file is empty)" in found.unreadable
    assert found.cache.images.any()


def test_where_none_can_be_read_it_is_an_error(dataset: DataSet) -> None:
    for path in dataset.table["path"]:
        Path(path).write_bytes(b"")
    with pytest.raises(DataError, match="none is.*the file is empty.*retina data check"):
        preview(dataset, SPEC, progress=False)


def test_a_wrong_size_is_refused_as_prepare_does(dataset: DataSet) -> None:
    with pytest.raises(DataError, match="16 <= image_size"):
        preview(dataset, replace(SPEC, size=8), progress=False)


def test_arrays_have_no_headers(tmp_path: Path) -> None:
    arrays = write_medmnist(tmp_path / "retinamnist.npz")
    found = preview(read_index(tmp_path / "retinamnist.npz"), ImageSpec(28, "none", "none"), progress=False)
    assert found.unreadable == ""
    assert np.array_equal(found.cache.images[0], np.asarray(arrays["train_images"])[0])
