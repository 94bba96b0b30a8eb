"""What a trial and a study are: frozen and validated.

A field stands here once with its meaning, unit and bounds; the command line makes its flags from these fields.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

Architecture = Literal["resnet18", "resnet50"]
Imbalance = Literal["none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment"]

NAMED_WEIGHTS = ("imagenet", "synthetic")
"""Where pretrained weights come from by name: torchvision's files, and what `retina pretrain` made in the home."""


class ConfigError(ValueError):
    """A configuration breaks a rule; the message names rule, value, place and remedy."""


class TrialConfig(BaseModel):
    """One training run, complete: the same values, data, device and threads give the same numbers.

    The defaults are a configuration that is known to learn from a few hundred photographs on, with and without
    pretraining (docs/benchmarks.md); an arm's first trial is this one, moved into the space (`study.space`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = Field("resnet18", description="network")
    pretrained: bool = Field(False, description="start from pretrained weights instead of random ones")
    lr: float = Field(0.001, gt=0, le=10, description="peak learning rate")
    batch_size: int = Field(32, ge=2, le=4096, description="images in a batch")
    micro_batch: int = Field(
        0, ge=0, le=4096, description="images computed at once, for less memory (BatchNorm sees these alone); 0: all"
    )
    imbalance: Imbalance = Field("none", description="what is done about rare grades")
    image_size: int = Field(256, ge=16, le=2048, description="side of the square input, pixels")
    crop: Literal["disc", "none"] = Field(
        "disc", description="cut the square around the retina's disc, or take the whole frame, padded to a square"
    )
    colour: Literal["none", "local_average"] = Field(
        "none", description="subtract each place's local average colour (Graham 2015); one cache for each value"
    )
    epochs: int = Field(15, ge=1, le=10_000, description="passes; each draws as many images as the training part has")
    optimizer: Literal["sgd", "adamw"] = Field("adamw", description="optimizer")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, beta1 of adamw")
    weight_decay: float = Field(0.01, ge=0, le=1, description="weight decay (decoupled in adamw)")
    schedule: Literal["constant", "one_cycle", "cosine"] = Field("one_cycle", description="course of the learning rate")
    head: Literal["linear", "lab"] = Field("linear", description="features -> 5, or the lab's 1000 -> ReLU -> 5")
    augmentation: Literal["none", "flips", "dihedral", "full"] = Field(
        "flips",
        description="dihedral: flips and 90-degree turns; full: flips, scale, any turn, shift, brightness and contrast",
    )
    normalisation: Literal["unit", "imagenet"] = Field("imagenet", description="pixels in [0,1], or ImageNet's")
    freeze_epochs: int = Field(0, ge=0, description="first epochs in which only the head learns (pretrained only)")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="arithmetic of the forward pass; fp32 on a GPU trains in TF32, and predicts without it"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="mass moved from the true grade to all")
    focal_gamma: float = Field(2.0, ge=0, le=10, description="focus of imbalance=focal")
    weight_power: float = Field(1.0, ge=0, le=2, description="power of imbalance=weighted_loss")
    logit_tau: float = Field(1.0, ge=0, le=5, description="strength of imbalance=logit_adjustment")
    objective: Literal["kappa", "accuracy"] = Field("kappa", description="validation score that trials are compared by")
    decision: Literal["most_probable", "median"] = Field(
        "median",
        description="how a grade is called: the most probable one, or the smallest that is at least as likely exceeded "
        "as not; without it median for kappa and most_probable for accuracy",
    )
    select_epoch: Literal["last", "best"] = Field(
        "last",
        description="epoch whose score is the trial's: the schedule's last, or the highest peak, which is for constant "
        "schedules and flatters",
    )
    views: Literal[1, 4, 8] = Field(
        4,
        description="flips over which a confirmed or exported model averages its probabilities; 8 adds 90-degree turns "
        "and needs augmentation=dihedral",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="seed of initialisation, draws and augmentation")

    @model_validator(mode="after")
    def _one_image_has_no_variance(self) -> TrialConfig:
        if self.micro_batch == 1:
            raise ValueError("micro_batch must be 0 (off) or at least 2, as BatchNorm needs two images, but got 1")
        return self

    @model_validator(mode="after")
    def _freeze_needs_weights(self) -> TrialConfig:
        if self.freeze_epochs and not self.pretrained:
            raise ValueError(
                f"freeze_epochs = 0 must hold without pretrained weights, but got freeze_epochs={self.freeze_epochs}; "
                "a frozen random network learns nothing: set pretrained or freeze_epochs=0"
            )
        if self.freeze_epochs >= self.epochs and self.freeze_epochs:
            raise ValueError(
                f"freeze_epochs < epochs must hold, but got freeze_epochs={self.freeze_epochs}, epochs={self.epochs}"
            )
        return self

    @field_validator("views", mode="before")
    @classmethod
    def _views_read_from_text(cls, value: Any) -> Any:
        return _of_choices((1, 4, 8), value)

    @model_validator(mode="before")
    @classmethod
    def _decision_follows_the_objective(cls, values: Any) -> Any:
        return _with_decision(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _views_as_trained(self) -> TrialConfig:
        # Measured: views that training did not show do not help.
        if self.views == 8 and (self.augmentation != "dihedral" or self.imbalance == "flip_minority"):
            raise ValueError(
                f"views=8 needs augmentation=dihedral for all images, but got augmentation={self.augmentation}, "
                f"imbalance={self.imbalance}; set views=4, or train with dihedral and another imbalance strategy"
            )
        return self

    @property
    def arm(self) -> str:
        """Cell of the four-way comparison that this trial belongs to, such as `resnet18-pretrained`."""
        return f"{self.architecture}-{'pretrained' if self.pretrained else 'scratch'}"


class Range(BaseModel):
    """Interval of a numeric field that a search draws from, both ends included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low < high must hold, but got low={self.low:g}, high={self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low > 0 must hold on a logarithmic scale, but got low={self.low:g}")
        return self


def _of_choices(choices: tuple[Any, ...], value: Any) -> Any:
    """The choice that a text writes out, since MLflow and YAML may have a number as text; else the value."""
    return next((choice for choice in choices if isinstance(value, str) and str(choice) == value), value)


def _with_decision(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the decision that belongs to their objective, where they name none."""
    if values.get("decision") is not None:
        return values
    return {**values, "decision": "most_probable" if values.get("objective") == "accuracy" else "median"}


def _kind_of_axis(axis: Any) -> str:
    if not isinstance(axis, dict):
        return "Range" if isinstance(axis, Range) else "Values"
    return "ByOptimizer" if axis and not set(axis) & set(Range.model_fields) else "Range"


BY_OPTIMIZER = ("lr", "weight_decay", "momentum")
Value = bool | int | float | str
ByOptimizer = dict[Literal["sgd", "adamw"], Range]
"""An axis whose range hangs on the optimizer: what is a good learning rate for one is none for the other."""
Axis = Annotated[
    Annotated[Range, Tag("Range")]
    | Annotated[tuple[Value, ...], Tag("Values")]
    | Annotated[ByOptimizer, Tag("ByOptimizer")],
    Discriminator(_kind_of_axis),
]
BRANCHES = ("Range", "Values", "ByOptimizer")

DEFAULT_SPACE: dict[str, Axis] = {
    "architecture": ("resnet18", "resnet50"),
    "pretrained": (False, True),
    "optimizer": ("sgd", "adamw"),
    "lr": {"sgd": Range(low=1e-3, high=1e-1, log=True), "adamw": Range(low=1e-4, high=5e-3, log=True)},
    "weight_decay": {"sgd": Range(low=1e-5, high=1e-3, log=True), "adamw": Range(low=1e-3, high=1e-1, log=True)},
    "batch_size": (16, 32, 64),
    "augmentation": ("flips", "dihedral", "full"),
    "imbalance": (
        "none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment",
    ),
}  # fmt: skip


def _imagenet_weights() -> dict[Architecture, str]:
    return {"resnet18": "imagenet", "resnet50": "imagenet"}


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
    arms: Literal["cells", "joint"] = Field(
        "cells", description="one search for each cell of architecture x pretrained, or one over all of them"
    )
    sampler: Literal["tpe", "random", "gp"] = Field("tpe", description="how configurations are suggested")
    early_stopping: Literal["halving", "hyperband", "none"] = Field(
        "halving", description="rule that stops a weak trial before its last epoch; compares within an arm only"
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
    fold: str = Field("", pattern=r"^(\d{1,3}/\d{1,3})?$", description="outer fold that is the test part, such as 2/5")
    fixed: dict[str, Value] = Field(default_factory=dict, description="fields that are the same in all trials")
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
        return _with_decision({name: _typed(name, value) for name, value in fixed.items()})

    @field_validator("space", mode="after")
    @classmethod
    def _axis_as_the_field_reads_it(cls, space: dict[str, Axis]) -> dict[str, Axis]:
        typed: dict[str, Axis] = {}
        for name, axis in space.items():
            typed[name] = tuple(_typed(name, value) for value in axis) if isinstance(axis, tuple) else axis
            if isinstance(axis, tuple) and len(set(map(repr, typed[name]))) < len(axis):
                raise ValueError(f"space.{name} must name each value once, but got {list(axis)}")
        return typed

    @model_validator(mode="after")
    def _fields_exist_and_fit(self) -> StudyConfig:
        for section, values in (("fixed", self.fixed), ("space", self.space)):
            for name in values:
                if name not in TrialConfig.model_fields:
                    raise ValueError(f"{section}.{name} is no field of a trial{_meant(name, TrialConfig.model_fields)}")
        for name in sorted(set(self.space) & NEVER_SEARCHED):
            raise ValueError(f"{name} must be the same in all trials of a study; put it under fixed, not under space")
        if "seed" in self.fixed:
            raise ValueError("fixed.seed must not be set: a trial's seed is the study's seed plus the trial's number")
        for name in sorted(set(self.space) & set(self.fixed)):
            raise ValueError(f"{name} stands under fixed and under space; keep one of them")
        for name, axis in self.space.items():
            for value in bounds(axis):
                self._check_value(name, value, "space")
            if isinstance(axis, tuple) and not axis:
                raise ValueError(f"space.{name} must name at least one value")
            if isinstance(axis, dict) and name not in BY_OPTIMIZER:
                raise ValueError(f"space.{name} cannot hang on the optimizer; only {', '.join(BY_OPTIMIZER)} can")
            if isinstance(axis, dict) and (missing := set(self.values("optimizer")) - set(axis)):
                raise ValueError(
                    f"space.{name} must have a range for each optimizer, but lacks {sorted(map(str, missing))}"
                )
            if not isinstance(axis, tuple) and TrialConfig.model_fields[name].annotation not in (int, float):
                raise ValueError(f"space.{name} is not numeric; list its values")
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
            raise ValueError(f"under {section}: {explain(error)}") from None

    @property
    def objective(self) -> str:
        """Validation score that selects epochs and trials."""
        return str(self.fixed.get("objective", TrialConfig.model_fields["objective"].default))

    def cells(self) -> list[tuple[str, bool]]:
        """(architecture, pretrained) of each arm that the study asks for, in the order of the comparison's tables."""

        return sorted((str(a), bool(p)) for a in self.values("architecture") for p in self.values("pretrained"))

    def values(self, name: str) -> tuple[Value, ...]:
        """What a field that is not drawn from an interval can be in this study."""
        axis = self.space.get(name)
        return axis if isinstance(axis, tuple) else (self.fixed.get(name, TrialConfig.model_fields[name].default),)


NEVER_SEARCHED = {
    "seed", "image_size", "crop", "objective", "decision", "select_epoch", "views", "epochs",
}  # fmt: skip
"""Fields that no study searches: scores would not be comparable."""


def bounds(axis: Axis) -> tuple[Value, ...]:
    """The values that bound an axis, or all of them."""
    if isinstance(axis, tuple):
        return axis
    ranges = [axis] if isinstance(axis, Range) else list(axis.values())
    return tuple(value for one in ranges for value in (one.low, one.high))


def _meant(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; the fields are {', '.join(known)}"


_BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}


def explain(error: ValidationError, where: str = "") -> str:
    """One sentence for the first broken rule: rule, value, place."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"] if re.fullmatch(r"\w+", str(part)) and part not in BRANCHES]
    name, value, kind, context = ".".join(path), first["input"], first["type"], first.get("ctx", {})
    if kind in _BOUNDS:
        sign, key = _BOUNDS[kind]
        text = f"`{name} {sign} {context[key]:g}` must hold, but got {name}={value}"
    elif kind == "literal_error":
        text = f"{name} must be one of {context['expected']}, but got {name}={value!r}"
    elif kind == "extra_forbidden":
        known = TrialConfig.model_fields if len(path) == 1 and where == "trial" else StudyConfig.model_fields
        text = f"{name} is no known key{_meant(path[-1], known)}"
    elif kind == "value_error":
        text = str(context["error"])
    else:
        text = f"{name or 'the configuration'}: {first['msg'][:1].lower()}{first['msg'][1:]}, but got {value!r}"
    return text


def make_study_config(
    values: dict[str, Any], overrides: dict[str, Any], place: Callable[[list[str]], str] = lambda keys: ""
) -> StudyConfig:
    """StudyConfig from plain values; a field of a trial among `overrides` is fixed and leaves the space.

    Raises ConfigError; `place` names the line of a key path.
    """
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
        first = error.errors(include_url=False)[0]
        keys = [str(part) for part in first["loc"]]
        sentence = str(first.get("ctx", {}).get("error", ""))
        named = re.match(r"(?:under )?(fixed|space)(?:\.|: `?)(\w+)|(\w+) (?:must be the same|stands under)", sentence)
        if not keys and named:
            keys = [named[1], named[2]] if named[1] else ["space", named[3]]
        overridden = bool(keys) and keys[-1] in overrides
        raise ConfigError(explain(error) + ("" if overridden or not keys else place(keys))) from None


def make_trial_config(values: dict[str, Any]) -> TrialConfig:
    """TrialConfig from plain values; raises ConfigError naming the rule that is broken."""
    try:
        return TrialConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, where="trial")) from None
