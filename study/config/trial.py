"""What a trial is: frozen and validated.

A field stands here once with its meaning, unit and bounds; the command line makes its flags from these fields."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from study.config.messages import AUTO as AUTO
from study.config.messages import FOLLOWS_DEVICE as FOLLOWS_DEVICE
from study.config.messages import config_error
from study.errors import ConfigError

Architecture = Literal["resnet18", "resnet50"]

Imbalance = Literal["none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment"]


class TrialConfig(BaseModel):
    """One training run, complete: the same values, data, device and threads give the same numbers.

    The defaults are a configuration that is known to learn from a few hundred photographs on, with and without
    pretraining (docs/benchmarks.md); an arm's first trial is this one, moved into the space
    (`study.config.search_space`).
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
    crop: Literal["fov", "none"] = Field(
        "fov", description="cut the square around the field of view, or take the whole frame, padded to a square"
    )
    colour: Literal["none", "graham"] = Field(
        "none", description="subtract each place's local average colour (Graham 2015); one cache for each value"
    )
    epochs: int = Field(15, ge=1, le=10_000, description="passes; each draws as many images as the training split has")
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
    compile: Literal["off", "on"] = Field(
        "off",
        description="compile the training step: takes minutes first, needs a C++ compiler where trials run, and "
        "rounds otherwise than off does",
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
            raise ConfigError(
                "micro_batch must be 0 (off) or at least 2, as BatchNorm needs two images, but got 1",
                ("micro_batch",),
                1,
            )
        return self

    @model_validator(mode="after")
    def _freeze_needs_weights(self) -> TrialConfig:
        if self.freeze_epochs and not self.pretrained:
            raise ConfigError(
                f"freeze_epochs = 0 must hold without pretrained weights, but got freeze_epochs={self.freeze_epochs}; "
                "a frozen random network learns nothing: set pretrained or freeze_epochs=0",
                ("freeze_epochs",),
                self.freeze_epochs,
            )
        if self.freeze_epochs >= self.epochs and self.freeze_epochs:
            raise ConfigError(
                f"freeze_epochs < epochs must hold, but got freeze_epochs={self.freeze_epochs}, epochs={self.epochs}",
                ("freeze_epochs",),
                self.freeze_epochs,
            )
        return self

    @field_validator("compile", mode="before")
    @classmethod
    def _compile_read_from_yaml(cls, value: Any) -> Any:
        return _of_choices(("off", "on"), value)

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
            raise ConfigError(
                f"views=8 needs augmentation=dihedral for all images, but got augmentation={self.augmentation}, "
                f"imbalance={self.imbalance}; set views=4, or train with dihedral and another imbalance strategy",
                ("views",),
                self.views,
            )
        return self

    @property
    def arm(self) -> str:
        """Arm of the four-way comparison that this trial belongs to, such as `resnet18-pretrained`."""
        return f"{self.architecture}-{'pretrained' if self.pretrained else 'scratch'}"


def _of_choices(choices: tuple[Any, ...], value: Any) -> Any:
    """The choice that a text writes out, since MLflow and YAML may have a number as text; else the value.

    YAML reads off and on as false and true.
    """
    if isinstance(value, bool) and "off" in choices:
        return "on" if value else "off"
    return next((choice for choice in choices if isinstance(value, str) and str(choice) == value), value)


def _with_decision(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the decision that belongs to their objective, where they name none."""
    if values.get("decision") is not None:
        return values
    return {**values, "decision": "most_probable" if values.get("objective") == "accuracy" else "median"}


Value = bool | int | float | str


def make_trial_config(values: dict[str, Any]) -> TrialConfig:
    """TrialConfig from plain values; raises ConfigError naming the rule that is broken."""
    try:
        return TrialConfig.model_validate(values)
    except ValidationError as error:
        raise config_error(error, TrialConfig.model_fields) from None
