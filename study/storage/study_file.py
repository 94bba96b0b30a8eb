"""A study's file: configuration and place of its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from study.config.yaml_text import parse_yaml, read_yaml_text
from study.errors import ConfigError

STUDY_FILE = "study.yaml"


class _Content(BaseModel):
    data: str
    layout: str | None
    config: dict[str, Any]


def read_study_file(path: Path) -> dict[str, Any]:
    """Data, layout and configuration of a study.yaml; raises ConfigError where it was damaged."""
    try:
        _, content = parse_yaml(read_yaml_text(path), path.name)
        checked = _Content.model_validate(content)
    except (OSError, ValueError) as error:
        why = "; ".join(str(error).splitlines()[:3])[:300]
        raise ConfigError(
            f"{path} must hold data, layout and config, but does not ({type(error).__name__}: {why}); restore it, or "
            "give --data and --config"
        ) from None
    return checked.model_dump()
