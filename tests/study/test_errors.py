"""ConfigError is a ValueError: wrong input, which the command prints in a line."""

from study.errors import ConfigError


def test_config_error_is_wrong_input() -> None:
    assert issubclass(ConfigError, ValueError)
