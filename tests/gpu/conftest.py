"""What needs a GPU is skipped where there is none; `make test-gpu` says so itself, and runs nothing then."""

from __future__ import annotations

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        missing = pytest.mark.skip(reason="torch finds no GPU here")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(missing)
