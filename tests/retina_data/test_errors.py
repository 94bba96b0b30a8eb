"""One base for what is wrong with a data set: the command prints it in a line."""

from pathlib import Path

import pytest

from retina_data.errors import DataError, check_exists
from retina_data.images import decode
from retina_data.layouts import dataset


def test_data_error_is_one_class_wherever_it_is_imported_from() -> None:
    assert dataset.DataError is DataError
    assert issubclass(DataError, ValueError)
    assert decode.FORMATS


def test_data_that_is_not_there_is_named_and_a_file_or_folder_is_there(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    check_exists(tmp_path)
    check_exists(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=f"but {tmp_path / 'none'} does not exist; check the path"):
        check_exists(tmp_path / "none")
