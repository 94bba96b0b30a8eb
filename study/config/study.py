"""What a trial and a study are: frozen and validated.

A field stands here once with its meaning, unit and bounds; the command line makes its flags from these fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from retina_data.gate import shortened
from retina_data.layouts.label_files import ReadOptions
from study.config.axes import BY_OPTIMIZER, DEFAULT_SPACE, Axis, bounds
from study.config.messages import config_error, did_you_mean
from study.config.trial import (
    AUTO,
    FOLLOWS_DEVICE,
    Architecture,
    TrialConfig,
    Value,
    _of_choices,
    _with_decision,
)
from study.errors import ConfigError

NAMED_WEIGHTS = ("imagenet", "synthetic")
"""Where pretrained weights come from by name: torchvision's files, and what `retina pretrain` made in the home."""


def _imagenet_weights() -> dict[Architecture, str]:
    return {"resnet18": "imagenet", "resnet50": "imagenet"}


def _error(message: str, *keys: str) -> ConfigError:
    return ConfigError(message, keys)


def _typed(name: str, value: Value) -> Value:
    """The value as the field reads it: YAML has 1e-3 as text, and a quoted "false" is not true."""
    field = TrialConfig.model_fields.get(name)
    if field is None or field.annotation is None:
        return value
    if get_origin(field.annotation) is Literal:
        chosen: Value = _of_choices(get_args(field.annotation), value)
        return chosen
    try:
        read: Value = TypeAdapter(field.annotation).validate_python(value)
    except ValidationError:
        return value  # named by the check of the whole
    return read


class StudyConfig(BaseModel):
    """One study: what is searched, how, and with which budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(24, ge=1, le=1_000_000, description="trials in all, dealt evenly over the arms")
    arms: Literal["separate", "joint"] = Field(
        "separate", description="one search for each arm (architecture x pretrained), or one over all of them"
    )
    sampler: Literal["tpe", "random", "gp"] = Field("tpe", description="how configurations are suggested")
    early_stopping: Literal["halving", "hyperband", "none"] = Field(
        "none", description="rule that stops a weak trial before its last epoch; compares within an arm only"
    )
    select_on: Literal["validation", "test"] = Field(
        "validation",
        description="part that choices are made on; test is the lab's way: optimistic, and marked so",
    )
    finalists: int | None = Field(
        None,
        ge=0,
        le=100,
        description="best configurations of each arm that are trained again before a winner is named; 0 or 1: none; "
        "without it a quarter of the arm's trials, at most 3",
    )
    repeats: int = Field(
        2, ge=1, le=100, description="times that a finalist is trained again, each on another validation split"
    )
    val_fraction: float = Field(0.2, gt=0, lt=1, description="share of the training patients set aside for validation")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of split, sampler and (plus its number) each trial")
    fold: str = Field("", pattern=r"^(\d{1,3}/\d{1,3})?$", description="outer fold that is the test split, such as 2/5")
    labels: str | None = Field(None, description="label file to read, where DATA has none of the known forms")
    image_column: str | None = Field(None, description="column of the label file with the images' names")
    grade_column: str | None = Field(None, description="column with the grades")
    patient_column: str | None = Field(None, description="column that tells the patient")
    eye_column: str | None = Field(None, description="column that tells the eye: left, right, L, R, OS, OD")
    split_column: str | None = Field(None, description="column that tells the split: train, val, test")
    grades: dict[str, Annotated[int, Field(ge=0, le=4)] | None] = Field(
        default_factory=dict, description="words of the label file, or names of folders, to grades; none leaves out"
    )
    patient_pattern: str | None = Field(
        None,
        description="regular expression that finds the patient in an image's name: (?P<patient>...), and (?P<eye>...) "
        "if it likes; without it known endings of names tell them",
    )
    allow_unused: bool = Field(False, description="go on although pictures with grades are not used")
    fixed: dict[str, Value] = Field(
        default_factory=dict, validate_default=True, description="fields that are the same in all trials"
    )
    space: dict[str, Axis] = Field(
        default_factory=lambda: dict(DEFAULT_SPACE),
        description="fields that are searched: a list, or low and high",
    )
    weights: dict[Architecture, str] = Field(
        default_factory=_imagenet_weights,
        description="where pretrained weights come from: imagenet, synthetic (`retina pretrain`), or a file",
    )

    @field_validator("fixed", mode="after")
    @classmethod
    def _as_the_field_reads_it(cls, fixed: dict[str, Value]) -> dict[str, Value]:
        # The rule by which grades are called is fixed when a study begins, also where nobody names it.
        # What follows the device is left open until its nodes are known (`study.planning.precision`).
        said = {name: value for name, value in fixed.items() if name not in FOLLOWS_DEVICE or value != AUTO}
        return _with_decision({name: _typed(name, value) for name, value in said.items()})

    @field_validator("space", mode="after")
    @classmethod
    def _axis_as_the_field_reads_it(cls, space: dict[str, Axis]) -> dict[str, Axis]:
        typed: dict[str, Axis] = {}
        for name, axis in space.items():
            typed[name] = tuple(_typed(name, value) for value in axis) if isinstance(axis, tuple) else axis
            if isinstance(axis, tuple) and len(set(map(repr, typed[name]))) < len(axis):
                raise _error(f"space.{name} must name each value once, but got {list(axis)}", "space", name)
        return typed

    @model_validator(mode="after")
    def _fields_exist_and_fit(self) -> StudyConfig:
        for section, values in (("fixed", self.fixed), ("space", self.space)):
            for name in values:
                if name not in TrialConfig.model_fields:
                    hint = did_you_mean(name, TrialConfig.model_fields)
                    raise _error(f"{section}.{name} is no field of a trial{hint}", section, name)
        for name in sorted(set(self.space) & NEVER_SEARCHED):
            raise _error(
                f"{name} must be the same in all trials of a study; put it under fixed, not under space", "space", name
            )
        if "seed" in self.fixed:
            raise _error(
                "fixed.seed must not be set: a trial's seed is the study's seed plus the trial's number",
                "fixed",
                "seed",
            )
        for name in sorted(set(self.space) & set(self.fixed)):
            raise _error(f"{name} stands under fixed and under space; keep one of them", "space", name)
        for name, axis in self.space.items():
            for value in bounds(axis):
                self._check_value(name, value, "space")
            if isinstance(axis, tuple) and not axis:
                raise _error(f"space.{name} must name at least one value", "space", name)
            if isinstance(axis, dict) and name not in BY_OPTIMIZER:
                only = ", ".join(BY_OPTIMIZER)
                raise _error(f"space.{name} cannot hang on the optimizer; only {only} can", "space", name)
            if isinstance(axis, dict) and (missing := set(self.values("optimizer")) - set(axis)):
                raise _error(
                    f"space.{name} must have a range for each optimizer, but lacks {sorted(map(str, missing))}",
                    "space",
                    name,
                )
            if not isinstance(axis, tuple) and TrialConfig.model_fields[name].annotation not in (int, float):
                raise _error(f"space.{name} is not numeric; list its values", "space", name)
        for name, value in self.fixed.items():
            self._check_value(name, value, "fixed")
        if self.fixed.get("views") == 8:  # a rule that joins fields, of which others may be searched
            for augmentation in self.values("augmentation"):
                for imbalance in self.values("imbalance"):
                    self._check_value("views", 8, "fixed", {"augmentation": augmentation, "imbalance": imbalance})
        return self

    @staticmethod
    def _check_value(name: str, value: Value, section: str, others: dict[str, Value] | None = None) -> None:
        # Rules that join two fields are checked when a trial is made; here each value alone, beside harmless others.
        harmless: dict[str, dict[str, Value]] = {
            "freeze_epochs": {"pretrained": True, "epochs": 10_000},
            "views": {"augmentation": "dihedral"},
        }
        beside = others or harmless.get(name, {})
        try:
            TrialConfig.model_validate({**beside, name: value})
        except ValidationError as error:
            broken = config_error(error, TrialConfig.model_fields, one_of_many=section == "space")
            raise _error(f"under {section}: {broken}", section, name) from None

    @property
    def objective(self) -> str:
        """Validation score that selects epochs and trials."""
        return str(self.fixed.get("objective", TrialConfig.model_fields["objective"].default))

    def arm_specs(self) -> list[tuple[str, bool]]:
        """(architecture, pretrained) of each arm that the study asks for, in the order of the comparison's tables."""

        return sorted((str(a), bool(p)) for a in self.values("architecture") for p in self.values("pretrained"))

    def values(self, name: str) -> tuple[Value, ...]:
        """What a field that is not drawn from an interval can be in this study."""
        axis = self.space.get(name)
        return axis if isinstance(axis, tuple) else (self.fixed.get(name, TrialConfig.model_fields[name].default),)


def open_precision(config: StudyConfig) -> bool:
    """Whether a study leaves its precision to the devices of its trials."""
    return "precision" not in config.fixed and "precision" not in config.space


READ_FIELDS = tuple(field.name for field in fields(ReadOptions) if field.name != "layout")
"""Fields that say how DATA is read. What was read is compared by its digest, and not by these."""


def read_options(config: StudyConfig, layout: str | None) -> ReadOptions:
    """How the data of a study is read."""
    return ReadOptions(layout=layout, **{name: getattr(config, name) for name in READ_FIELDS})


NEVER_SEARCHED = {
    "seed", "image_size", "crop", "objective", "decision", "select_epoch", "views", "epochs",
}  # fmt: skip
"""Fields that no study searches: scores would not be comparable."""


def make_study_config(
    values: dict[str, Any], overrides: dict[str, Any], place: Callable[[tuple[str, ...]], str] = lambda keys: ""
) -> StudyConfig:
    """StudyConfig from plain values; a field of a trial among `overrides` is fixed and leaves the space.

    Raises ConfigError; `place` names the line of a key path.
    """
    for section in ("fixed", "space"):
        if not isinstance(values.get(section) or {}, dict):
            raise ConfigError(
                f"{section} must hold `field: value` lines, but is {shortened(str(values[section])[:200])}"
                f"{place((section,))}",
                (section,),
                values[section],
            )
    fixed = dict(values.get("fixed") or {})
    default_space = {name: axis for name, axis in DEFAULT_SPACE.items() if name not in fixed}
    merged = {**values, "fixed": fixed, "space": dict(values.get("space", default_space) or {})}
    for name, value in overrides.items():
        if name == "weights":  # those of one architecture leave the other's as they were
            before = values.get(name)
            merged[name] = {**(before if isinstance(before, dict) else {}), **value}
        elif name in StudyConfig.model_fields:
            merged[name] = value
        else:
            merged["fixed"][name] = value
            merged["space"].pop(name, None)
    try:
        return StudyConfig.model_validate(merged)
    except ValidationError as error:
        broken = config_error(error, StudyConfig.model_fields)
        in_file = broken.keys and broken.keys[-1] not in overrides
        raise ConfigError(f"{broken}{place(broken.keys) if in_file else ''}", broken.keys, broken.value) from None
