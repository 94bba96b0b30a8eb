"""One base for what is wrong with a data set: the command prints it in a line."""

from retina_data.errors import DataError
from retina_data.images import decode
from retina_data.layouts import dataset


def test_data_error_is_one_class_wherever_it_is_imported_from() -> None:
    assert dataset.DataError is DataError
    assert issubclass(DataError, ValueError)
    assert decode.FORMATS
