"""What a study is going to do: every input has been read and found right."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.schema import primary_endpoint, whole_name
from retina_data.audit.labels import audit, patient_findings, unused
from retina_data.files import write_whole
from retina_data.layouts.dataset import DataSet
from study.config.arms import ArmSpec, arm_name
from study.config.study import READ_FIELDS, StudyConfig
from study.config.trial import TrialConfig
from study.disk_space import needed
from study.planning.pretrained_weights import NotRun, kept_file
from study.storage.events import StudyStarted, WarmStart
from study.training.data import SplitDataset
from study.versions import versions


def parent_name(name: str, config: StudyConfig) -> str:
    """Name of the study that a user calls it by: of a fold, that of all its folds together."""
    return whole_name(name, config.fold)


def settings_of(config: StudyConfig) -> dict[str, Any]:
    """The part of a study's identity that its configuration says."""
    values = config.model_dump(mode="json")
    excluded = {"trials", "weights", "fixed", "space", *READ_FIELDS, *([] if config.fold else ["fold"])}
    fixed = {f"fixed.{name}": value for name, value in config.fixed.items()}
    space = {f"space.{name}": axis for name, axis in values["space"].items()}
    return {**{name: value for name, value in values.items() if name not in excluded}, **fixed, **space}


def needed_by(plan: Plan, max_concurrent: int, kept: int) -> int:
    """Bytes that a study will take at most; kept: best weights of each arm that stay."""
    named = {name: {str(value) for value in plan.config.values(name)} for name in ("architecture", "optimizer")}
    arms = sum(len(arm_specs) for arm_specs in plan.groups.values())
    return needed(named["architecture"], named["optimizer"], arms, max_concurrent, kept)


@dataclass(frozen=True)
class Plan:
    """A study that can run: every input has been read and found right."""

    name: str
    home: Path
    config: StudyConfig
    dataset: DataSet
    prepared: SplitDataset  # split and digests, which are the same whatever the colours
    caches: dict[str, Path]  # colour normalisation -> cache
    groups: dict[str, list[ArmSpec]]
    not_run: dict[str, NotRun]
    weights: dict[str, dict[str, str]]  # architecture -> file, name, digest, kind, fit, seen
    notes: tuple[str, ...]
    warm_start: WarmStart | None
    is_started: bool = False  # the study, or the first of its folds

    @property
    def folder(self) -> Path:
        """Folder of the study below the home."""
        return self.home / self.name

    @property
    def parent_study(self) -> str:
        """Name of the study that a user calls it by: of a fold, that of all its folds together."""
        return parent_name(self.name, self.config)

    @property
    def arms(self) -> list[str]:
        """Arms that run."""
        return [arm_name(arm_spec) for arm_specs in self.groups.values() for arm_spec in arm_specs]

    @property
    def epochs(self) -> int:
        """Epochs of a trial that is not stopped."""
        return int(self.config.fixed.get("epochs", TrialConfig.model_fields["epochs"].default))

    def weights_file(self, architecture: str) -> Path:
        """The study's own copy of an architecture's pretrained weights."""
        return kept_file(self.folder, self.weights[architecture])

    def keep_weights(self) -> None:
        """Copy the weights into the study: its trials read these, whatever becomes of the file that was given."""
        for architecture, value in self.weights.items():
            kept = self.weights_file(architecture)
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_whole(kept, Path(value["file"]).read_bytes())

    def identity(self) -> dict[str, Any]:
        """What must stay as it was for old and new trials to belong to one study."""
        return {
            **settings_of(self.config),
            "weights": {name: value["digest"] for name, value in self.weights.items()},
            "arms": self.arms,
            "data_digest": self.prepared.cache.digest,
            "split_digest": self.prepared.split_digest,
        }

    def event(self, threads: int, max_concurrent: int = 1) -> StudyStarted:
        """The event that starts or resumes the study; holds no path and no name of an image."""
        return StudyStarted(
            id=uuid.uuid4().hex,
            config=self._config(),
            objective=self.config.objective,
            identity=self.identity(),
            arms=self.arms,
            not_run={arm: why.reason for arm, why in self.not_run.items()},
            weights={
                name: {"source": value["name"], "kind": value["kind"], "digest": value["digest"]}
                for name, value in self.weights.items()
            },
            audit=self._audit(),
            splits={str(name): count for name, count in self.prepared.splits.value_counts().items()},
            versions=versions(),
            threads=threads,
            max_concurrent=max_concurrent,
            notes=list(self.notes),
            commands=self._commands(),
            primary_endpoint=primary_endpoint(self.config.objective, self.config.select_on, bool(self.config.fold)),
        )

    def _config(self) -> dict[str, Any]:
        """The configuration without places: of the label file its name, or its path below the data set's folder."""
        config = self.config.model_dump(mode="json", exclude={"weights"})
        labels = config["labels"]
        return config | ({"labels": Path(labels).name} if labels and Path(labels).is_absolute() else {})

    def _audit(self) -> dict[str, Any]:
        report = audit(self.dataset)
        unused_rows = unused(self.prepared.cache.table, self.prepared.splits)
        stand_ins = patient_findings(self.prepared.placeholders())
        return {**report, "findings": [*report["findings"], *stand_ins, *unused_rows]}

    def _commands(self) -> list[str]:
        folds = self.config.fold.partition("/")[2]
        confirm = [f"retina confirm {self.parent_study}"] if self.config.select_on == "validation" else []
        search = f"retina search {self.parent_study}{f' --folds {folds}' if folds else ''}"
        return [search, *confirm, f"retina report {self.parent_study}"]
