"""`study.load_model`: photographs graded by an exported model, in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from study.errors import ConfigError
from study.inference.model_dir import Model, read_model
from study.inference.predict_images import find_photographs, predict_photographs

log = logging.getLogger(__name__)


class LoadedModel:
    """An exported model, ready to grade photographs. For research: no medical device."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def limitations(self) -> tuple[str, ...]:
        """Reasons not to rely on the model; empty where none is known."""
        return tuple(self._model.settings.limitations)

    def predict(self, images: Path | str | Sequence[Path | str] | NDArray[np.uint8]) -> pd.DataFrame:
        """Grade photographs, prepared as those of the training were.

        Args:
            images: a file, a folder, a list of them, or RGB values: uint8 (N, H, W, 3), or (H, W, 3) for one.

        Returns:
            The table of `retina predict`, a row for each photograph: image (the file, or its number in the array),
            grade, p0 .. p4, p_referable, referable, warning, error.

        Raises:
            ConfigError: the array has another shape or type, or a folder holds no photographs.

        Example:
            >>> load_model("model").predict(["left.jpg", "right.jpg"])
        """
        if not isinstance(images, np.ndarray):
            places = [images] if isinstance(images, (str, Path)) else images
            return self._graded([Path(place).expanduser() for place in places])
        batch = images[None] if images.ndim == 3 else images
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[-1] != 3:
            raise ConfigError(
                f"images must be uint8 (N, H, W, 3) or (H, W, 3), but are {images.dtype} {images.shape}; convert them"
            )
        with TemporaryDirectory(prefix="retina-predict-") as folder:
            files = [Path(folder, f"{number}.png") for number in range(len(batch))]
            for file, pixels in zip(files, batch, strict=True):
                Image.fromarray(pixels).save(file, compress_level=1)
            return self._graded(files).assign(image=[file.stem for file in files])

    def _graded(self, places: list[Path]) -> pd.DataFrame:
        return predict_photographs(self._model, find_photographs(places))


def load_model(folder: Path | str) -> LoadedModel:
    """Load a model that `retina export` wrote.

    Nothing in the folder is run as code. A GPU is used where there is one.

    Args:
        folder: the model's folder.

    Returns:
        The model, with `predict(images)` and `limitations`.

    Raises:
        ConfigError: the folder is no model's, or its files were changed.
        WeightsError: the weights are not those of its network.

    Example:
        >>> from study import load_model
        >>> load_model("model").predict("photographs")
    """
    model = LoadedModel(read_model(Path(folder).expanduser()))
    for limitation in model.limitations:
        log.warning(limitation)
    return model
