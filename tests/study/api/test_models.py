"""An exported model in a notebook."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from study import load_model
from study.api.models import LoadedModel
from study.errors import ConfigError
from study.inference.predict_images import COLUMNS
from tests.fixtures.model import untrained_model

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights are random."""
    return untrained_model(tmp_path_factory.mktemp("models") / "model", limitations=["few photographs"])


@pytest.fixture
def model(folder: Path) -> LoadedModel:
    return load_model(folder)


def test_predict_of_an_array_is_predict_of_its_files(model: LoadedModel, tmp_path: Path) -> None:
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    for file, pixels in zip(files, PIXELS, strict=True):
        Image.fromarray(pixels).save(file)
    from_array, from_files = model.predict(PIXELS), model.predict(files)
    assert tuple(from_array.columns) == COLUMNS
    assert list(from_array["image"]) == ["0", "1"]
    assert list(from_files["image"]) == [str(file) for file in files]
    pd.testing.assert_frame_equal(from_array.drop(columns="image"), from_files.drop(columns="image"))
    pd.testing.assert_frame_equal(model.predict(str(tmp_path)), from_files)
    pd.testing.assert_frame_equal(model.predict(PIXELS[0]), from_array[:1])


def test_predict_keeps_a_row_for_what_cannot_be_read(model: LoadedModel, tmp_path: Path) -> None:
    table = model.predict([tmp_path / "none.png"])
    assert table["error"][0] and table["grade"].isna().all()


@pytest.mark.parametrize("images", [PIXELS / 255, PIXELS[..., 0], PIXELS[..., :2]])
def test_predict_refuses_other_arrays(model: LoadedModel, images: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match="uint8"):
        model.predict(images)


def test_load_model_warns_of_limitations(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert load_model(str(folder)).limitations == ("few photographs",)
    assert caplog.messages == ["few photographs"]


def test_load_model_refuses_another_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="retina export"):
        load_model(tmp_path)
