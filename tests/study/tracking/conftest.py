"""What several tests of the feed to MLflow need."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.figures import trial_pictures
from tests.fixtures.figures import grey_png


@pytest.fixture
def grey_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial's pictures are small grey ones: to draw them takes as long as all else that is sent."""

    def write(path: Path, *_: object) -> None:
        path.write_bytes(grey_png(8, 8))

    monkeypatch.setattr(trial_pictures, "curves_png", write)
    monkeypatch.setattr(trial_pictures, "confusion_png", write)
