"""Pretrained weights of a study: found, found fitting, and copied, so that all its trials begin from the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.cleaned import without_folders
from retina_models.pretrained import (
    COUNTER,
    LoadReport,
    Weights,
    WeightsError,
    imagenet_file,
    load_weights,
    read_weights,
)
from retina_models.resnet import ARCHITECTURES
from study.config import StudyConfig, TrialConfig
from study.ledger import StudyState
from study.seen import read_seen
from study.space import Cell, arm_name


def kept_file(folder: Path, weights: dict[str, str]) -> Path:
    """The copy that a study has of weights with this digest."""
    return folder / "weights" / f"{weights['digest']}{Path(weights['name']).suffix or '.pth'}"


def runnable(
    config: StudyConfig, kept: dict[str, Path]
) -> tuple[list[Cell], dict[str, str], dict[str, dict[str, str]]]:
    """Cells whose weights are here, the others with the reason, and the weights. Downloads nothing.

    kept: files that the study has copied, which come before where the configuration says that weights come from.
    """
    cells: list[Cell] = []
    not_run: dict[str, str] = {}
    weights: dict[str, dict[str, str]] = {}
    for cell in config.cells():
        architecture, pretrained = cell
        if pretrained and architecture not in weights:
            source = config.weights.get(architecture, "imagenet")  # type: ignore[call-overload]
            file = kept.get(architecture, imagenet_file(architecture) if source == "imagenet" else Path(source))
            try:
                if source == "imagenet" and not file.exists():
                    # Its name alone: the folder would tell the user's name to readers.
                    raise WeightsError(f"ImageNet weights {file.name} are not on this machine")
                read = read_weights(source if architecture not in kept else file, architecture, download=False)
            except WeightsError as error:
                if source != "imagenet":
                    raise
                not_run[arm_name(cell)] = without_folders(str(error))
                continue
            fit = check_fit(read, str(config.fixed.get("head", TrialConfig.model_fields["head"].default)))
            name = "imagenet" if source == "imagenet" else Path(source).name
            found = {"file": str(file), "name": name, "digest": read.digest, "fit": str(fit)}
            weights[architecture] = found | {"seen": read_seen(file)}
        cells.append(cell)
    return cells, not_run, weights


def kept_weights(folder: Path, state: StudyState, given: Any) -> dict[str, Path]:
    """Copies that the study has, of architectures whose weights are not given anew."""
    if state.study is None:
        return {}
    files = {name: kept_file(folder, {"name": w["source"], **w}) for name, w in state.study["weights"].items()}
    return {name: file for name, file in files.items() if file.exists() and name not in (given or {})}


def check_fit(weights: Weights, head: str) -> LoadReport:
    """Every key of the file and of the network it is for; raises WeightsError where more than the head is missing.

    A file of another architecture fits in parts: that would be a from-scratch network under a pretrained name.
    """
    report = load_weights(ARCHITECTURES[weights.architecture](head=head), weights)
    missing = [key for key in (*report.new, *(entry[0] for entry in report.wrong_shape)) if not key.startswith("fc")]
    if any(not key.endswith(COUNTER) for key in missing):
        raise WeightsError(
            f"{weights.source} must hold all of a {weights.architecture} but its head, but: {report}; "
            f"give a file of {weights.architecture}"
        )
    return report
