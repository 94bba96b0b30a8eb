"""What `import study` gives, and what it does not load."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import study


def test_each_name_is_there_and_nothing_heavy_before() -> None:
    code = (
        "import sys, study\n"
        "from study import StudyConfig, TrialConfig\n"
        "print({'torch', 'ray', 'mlflow', 'optuna', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    for name in study.__all__:
        value = getattr(study, name)
        assert name in dir(study)
        assert value.__doc__


def test_functions_say_arguments_results_errors_and_an_example() -> None:
    for name in ("train", "run_search", "load_study", "load_model"):
        text = inspect.getdoc(getattr(study, name)) or ""
        for heading in ("Args:", "Returns:", "Raises:", "Example:"):
            assert f"\n{heading}\n" in text, f"{name}: {heading}"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        study.nothing  # noqa: B018
