"""RunsError is the one error of the package."""

from analysis.errors import RunsError


def test_runs_error_is_a_value_error() -> None:
    assert issubclass(RunsError, ValueError)
