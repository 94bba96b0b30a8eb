import shutil
from pathlib import Path

import numpy as np
import pytest

from study.errors import ConfigError
from study.inference.best_model import mean_predictions, photographs
from study.inference.model_selection import find_best_model
from tests.fixtures.winner import COLUMNS, NAME, Made, copy_of, made_study


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


def test_seeds_of_different_photographs_have_no_mean(made: Made) -> None:
    table = made.predictions
    with pytest.raises(ConfigError, match="measured on the same photographs, but b is not of those of a"):
        mean_predictions({"a": table, "b": table.assign(row=table["row"] + 1)})
    other = table.assign(**dict(zip(COLUMNS, np.eye(5)[[0] * len(table)].T, strict=True)))
    mean = mean_predictions({"a": table, "b": other})
    assert np.allclose(mean[COLUMNS], (table[COLUMNS].to_numpy() + np.eye(5)[0]) / 2)
    assert list(mean.columns) == list(table.columns)


def test_the_cache_is_known_by_its_manifest_and_others_are_passed_over(made: Made) -> None:
    winner = find_best_model(made.home, NAME)
    for name, text in (("a", "no json"), ("b", "[]"), ("c", '{"digest": "x"}')):
        (made.home / "cache" / name).mkdir()
        (made.home / "cache" / name / "manifest.json").write_text(text)
    cache = photographs(made.home, winner)
    assert cache is not None
    assert cache.folder.name == made.prepared.cache.folder.name
    shutil.rmtree(made.home / "cache")
    assert photographs(made.home, winner) is None
