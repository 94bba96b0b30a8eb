"""WeightsError is the one error of the package."""

from retina_models.errors import WeightsError


def test_weights_error_is_a_value_error() -> None:
    assert issubclass(WeightsError, ValueError)
