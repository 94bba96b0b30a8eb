"""The application: the `retina` command, training, search, tracking; and six names for notebooks (docs/python.md)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.api.models import load_model
    from study.api.search import run_search
    from study.api.studies import load_study
    from study.api.training import train
    from study.config.study import StudyConfig
    from study.config.trial import TrialConfig

__all__ = ["StudyConfig", "TrialConfig", "load_model", "load_study", "run_search", "train"]

_MODULES = {
    "StudyConfig": "study.config.study",
    "TrialConfig": "study.config.trial",
    "load_model": "study.api.models",
    "load_study": "study.api.studies",
    "run_search": "study.api.search",
    "train": "study.api.training",
}
"""Name -> the module that defines it, imported at the first use: `import study` loads no torch."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
