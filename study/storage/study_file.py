"""A study's file: configuration and place of its data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from study.errors import ConfigError

if TYPE_CHECKING:
    pass


STUDY_FILE = "study.yaml"


def read_study_file(path: Path) -> dict[str, Any]:
    """Data, layout and configuration of a study.yaml; raises ConfigError where it was damaged."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return {"data": content["data"], "layout": content["layout"], "config": content["config"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} must hold data, layout and config, but does not ({type(error).__name__}: {error}); "
            "restore it, or give --data and --config"
        ) from None
