"""The worst errors of a study's best model, each photograph beside its Grad-CAM: written once, for the report.

A folder of one study: explained.json, a list of {"picture": file, "arm", "trial", "confirm", "split", "grade",
"predicted", "p0" .. "p4"}, and its PNG files, worst first: numbered, without row, patient or name.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.stats.metrics import called
from retina_data.files import write_whole
from retina_data.gate import below, read_file
from retina_data.grades import PROBABILITIES
from retina_models.errors import WeightsError
from retina_models.resnet import ResNet
from study.errors import ConfigError
from study.inference.best_model import photographs
from study.inference.gradcam import explain, png
from study.inference.model_selection import find_best_model

log = logging.getLogger(__name__)


MOST = 12

MOST_BYTES = 20_000_000  # of a picture

EXPLAINED = "explained"
"""Below the folder of a report: a folder for each study that has pictures."""

ENTRIES = "explained.json"


def explain_mistakes(home: Path, name: str, folder: Path, most: int = MOST) -> bool:
    """Write the `most` worst mistakes of a study's winner into a folder of theirs; whether it was done.

    The test split's where the winner was confirmed, else those of the split it was chosen on. Logs what it does, or
    in one line why it cannot: no trial with a score, or weights, predictions or photographs that have gone.
    """
    try:
        winner = find_best_model(home, name)
        tested = winner.test()
        predictions, network = winner.validation() if tested is None else tested, winner.network()
    except (ConfigError, WeightsError) as error:
        log.info(f"no pictures of mistakes: {error}")
        return False
    cache = photographs(home, winner)
    if cache is None:
        log.info("no pictures of mistakes: the prepared photographs have gone; `retina data prepare` makes them again")
        return False
    split = "test" if tested is not None else winner.chosen_on
    about = {"arm": winner.config.arm, "trial": winner.trial, "confirm": winner.confirm, "split": split}
    log.info(f"looking where {winner.description()} goes wrong on {split}")
    found = worst(predictions, winner.config.decision, most)
    write_explained(folder, network, cache.images, found, winner.config.normalisation, about)
    return True


def worst(predictions: pd.DataFrame, decision: str, most: int = MOST) -> pd.DataFrame:
    """The wrong ones among predictions (row, grade, p0 .. p4), at most `most`, with the column `predicted`.

    The largest error in grades first; among equals the lowest probability of the truth, then the row.
    """
    probabilities = predictions[[*PROBABILITIES]].to_numpy()
    truth = predictions["grade"].to_numpy()
    table = predictions.assign(
        predicted=called(probabilities, decision), of_truth=probabilities[np.arange(len(truth)), truth]
    )
    table["error"] = (table["predicted"] - table["grade"]).abs()
    table = table[table["error"] > 0].sort_values(["error", "of_truth", "row"], ascending=[False, True, True])
    return table.head(most).drop(columns=["of_truth", "error"]).reset_index(drop=True)


def write_explained(
    folder: Path,
    network: ResNet,
    images: NDArray[np.uint8],
    chosen: pd.DataFrame,
    normalisation: str,
    about: dict[str, Any],
) -> None:
    """Write the pictures and what is known of each in place of earlier ones.

    images: all rows of the cache (N, S, S, 3). chosen: what `worst` gives; the class explained is the predicted one.
    about: entries that are the same for all.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pictures = explain(network, images[chosen["row"].to_numpy()], chosen["predicted"].to_numpy(np.int64), normalisation)
    entries = []
    for number, (picture, row) in enumerate(zip(pictures, chosen.to_dict("records"), strict=True), 1):
        name = f"{number:02}.png"
        write_whole(folder / name, png(picture))
        probabilities = {key: round(float(row[key]), 4) for key in PROBABILITIES}
        entries.append(
            {"picture": name, **about, "grade": row["grade"], "predicted": row["predicted"], **probabilities}
        )
    write_whole(folder / ENTRIES, json.dumps(entries, indent=1).encode())


def read_explained(folder: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """(PNG, its entry) of each picture that was written into a folder, worst first; none where there are none."""
    if not (folder / ENTRIES).exists():
        return []
    entries = json.loads(read_file(below(folder, ENTRIES), MOST_BYTES))
    return [(read_file(below(folder, str(entry["picture"])), MOST_BYTES), entry) for entry in entries]
