"""Pretrained weights of a study: found, found fitting, and copied, so that all its trials begin from the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from retina_data.gate import below
from retina_models.errors import WeightsError
from retina_models.imagenet import imagenet_file
from retina_models.resnet import ARCHITECTURES
from retina_models.weights import (
    COUNTER,
    IMAGENET,
    SYNTHETIC,
    LoadReport,
    Weights,
    kind_of,
    load_weights,
    read_weights,
)
from study.config.arms import ArmSpec, arm_name
from study.config.study import NAMED_WEIGHTS, StudyConfig
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.storage.state import StudyState
from study.training.leakage import read_provenance


class Cause(Enum):
    """What keeps an arm from running; the remedy follows from it."""

    WEIGHTS_MISSING = auto()
    NOT_IN_STUDY = auto()


@dataclass(frozen=True)
class NotRun:
    """Why an arm does not run, as people read it; its cause."""

    reason: str
    cause: Cause = Cause.WEIGHTS_MISSING


WEIGHTS = "weights"
"""Folder below a home that holds synthetic weights, and below a study that holds its copies."""


def synthetic_file(home: Path, architecture: str) -> Path:
    """Where a home has weights that `retina pretrain` made on synthetic photographs, or wants them."""
    return home / WEIGHTS / f"{SYNTHETIC}-{architecture}.safetensors"


def source_file(source: str, architecture: str, home: Path) -> Path:
    """File of a source: "imagenet", "synthetic" or a path; it need not be there."""
    if source == IMAGENET:
        return imagenet_file(architecture)
    return synthetic_file(home, architecture) if source == SYNTHETIC else Path(source)


def read_source(
    source: str, architecture: str, home: Path, *, download: bool = False, rerun_flags: str = ""
) -> tuple[Weights, Path]:
    """Weights of an architecture from a source, and their file. Raises WeightsError, which names the remedy.

    rerun_flags: flags that each further command needs too.
    """
    file = source_file(source, architecture, home)
    if source == SYNTHETIC and not file.exists():
        raise WeightsError(
            f"{missing(source, file)}; make them (retina pretrain --architecture {architecture}{rerun_flags})"
        )
    weights = read_weights(IMAGENET if source == IMAGENET else file, architecture, download=download)
    if source == SYNTHETIC and kind_of(file, weights) != SYNTHETIC:
        raise WeightsError(
            f"{file.name} of this home must be made by `retina pretrain` without DATA, but is a file of another kind; "
            f"move it away and make it, or give it by its path: --weights {architecture}=FILE"
        )
    return weights, file


def missing(source: str, file: Path) -> str:
    """That named weights are not there, without the folder: it would tell the user's name to readers."""
    if source == IMAGENET:
        return f"ImageNet weights {file.name} are not on this machine"
    return f"synthetic weights {file.name} are not in this home"


def kept_file(folder: Path, weights: dict[str, str]) -> Path:
    """The copy that a study has of weights with this digest."""
    return below(folder, WEIGHTS, f"{weights['digest']}{Path(weights['name']).suffix or '.pth'}")


def runnable(
    config: StudyConfig, kept: dict[str, Path], home: Path
) -> tuple[list[ArmSpec], dict[str, NotRun], dict[str, dict[str, str]]]:
    """Cells whose weights are here, the others with the reason, and the weights. Downloads and trains nothing.

    kept: files that the study has copied, which come before where the configuration says that weights come from.
    home: where synthetic weights lie.
    """
    arm_specs: list[ArmSpec] = []
    not_run: dict[str, NotRun] = {}
    weights: dict[str, dict[str, str]] = {}
    for arm_spec in config.arm_specs():
        architecture, pretrained = arm_spec
        if pretrained and architecture not in weights:
            source = config.weights.get(architecture, IMAGENET)  # type: ignore[call-overload]
            named = source_file(source, architecture, home)
            if architecture not in kept and source in NAMED_WEIGHTS and not named.exists():
                not_run[arm_name(arm_spec)] = NotRun(missing(source, named))
                continue
            try:
                if architecture in kept:
                    file = kept[architecture]
                    read = read_weights(file, architecture, download=False)
                else:
                    read, file = read_source(source, architecture, home)
            except WeightsError as error:
                if source != IMAGENET:
                    raise
                not_run[arm_name(arm_spec)] = NotRun(str(error))
                continue
            fit = check_fit(read, str(config.fixed.get("head", TrialConfig.model_fields["head"].default)))
            name = IMAGENET if source == IMAGENET else named.name
            found = {"file": str(file), "name": name, "digest": read.digest, "kind": kind_of(file, read)}
            weights[architecture] = found | {"fit": str(fit), "seen": read_provenance(file)}
        arm_specs.append(arm_spec)
    return arm_specs, not_run, weights


def check_one_kind(study: str, weights: dict[str, dict[str, str]], started: dict[str, dict[str, str]]) -> None:
    """Raise ConfigError where the networks of a study would begin from weights of different kinds.

    The four-way comparison would then compare two kinds of pretraining as if they were one. started: architecture ->
    source, kind of the study's weights as its ledger has them.
    """
    now = [(architecture, value["kind"], value["name"]) for architecture, value in weights.items()]
    before = [(name, value["kind"], value["source"]) for name, value in started.items() if "kind" in value]
    for number, (other, other_kind, other_source) in enumerate([*before, *now]):
        for architecture, kind, source in now:
            if kind == other_kind:
                continue
            remedy = (
                f"study {study} began so: give {architecture} weights of that kind, or begin another study"
                if number < len(before)
                else "give both of one kind (--weights imagenet, --weights synthetic, or a FILE for each), or search "
                "one network alone (--architecture)"
            )
            raise ConfigError(
                f"pretrained weights of one study must be of one kind, but those of {other} are {other_kind} "
                f"({other_source}) and those of {architecture} are {kind} ({source}); {remedy}"
            )


def kept_weights(folder: Path, state: StudyState | None, overrides: Any) -> dict[str, Path]:
    """Copies that the study has, of architectures whose weights are not given anew."""
    if state is None:
        return {}
    files = {name: kept_file(folder, {"name": w["source"], **w}) for name, w in state.study.weights.items()}
    return {name: file for name, file in files.items() if file.exists() and name not in (overrides or {})}


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
