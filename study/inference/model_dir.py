"""A model that is passed on: a folder with weights and two JSON files, written by `export`, read by `predict`.

What is read comes from outside: nothing is unpickled, nothing in the files names another file, every field has a type
and bounds, and the weights must be exactly those of the network, finite, and of the digest that config.json states.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from torch import Tensor

from retina_data.batches import IMAGENET_DEVIATION, IMAGENET_MEAN
from retina_data.files import write_whole
from retina_data.gate import open_file
from retina_data.grades import GRADE_NAMES, GRADES
from retina_data.images.field_of_view import Shape
from retina_models.errors import WeightsError
from retina_models.resnet import ARCHITECTURES, ResNet, shaped
from retina_models.weights import check_size, listed, read_safetensors, save_weights
from study.config.messages import MODEL_CONFIG, check_model
from study.errors import ConfigError
from study.training.prediction import VIEWS, Grader

WEIGHTS, CONFIG, PREPROCESSING = "model.safetensors", MODEL_CONFIG, "preprocessing.json"

MAX_JSON = 100_000  # bytes

MOST_MEMBERS, MEMBER_BYTES = 32, 250_000_000  # a ResNet50 has 94 MB

LIMITATION = r"^[ -~]{1,500}$"
"""A sentence that `predict` prints: nothing in it can move a terminal's cursor."""

Three = tuple[float, float, float]

_NO_SHIFT: dict[str, tuple[Three, Three]] = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": (IMAGENET_MEAN, IMAGENET_DEVIATION),
}

_FOUND_AS = {"circle": "a circle", "ellipse": "an ellipse", "each": "a circle, where none fits as an ellipse"}

Schema = TypeVar("Schema", bound=BaseModel)


class Settings(BaseModel):
    """config.json: the networks, and what is made of their logits.

    A folder of before there were views, members and decisions lacks these three, and is what their defaults say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal["retina-model"] = "retina-model"
    version: Literal[1] = 1
    architecture: Literal["resnet18", "resnet50"]
    head: Literal["linear", "lab"]
    classes: list[str] = Field(default=list(GRADE_NAMES), min_length=len(GRADES), max_length=len(GRADES))
    members: int = Field(1, ge=1, le=MOST_MEMBERS, description="networks whose probabilities are averaged")
    views: int = Field(
        1, description="of each photograph, averaged as members are; 4: mirrored both ways, 8: turned by 90 degrees too"
    )
    decision: Literal["most_probable", "median"] = Field(
        "most_probable", description="how the mean probabilities, before the temperature, call a grade"
    )
    temperature: float = Field(
        ge=0.01, le=1000, description="the logarithm of the mean probability is divided by it before a softmax"
    )
    referable_from: Literal[2] = Field(2, description="grade from which an eye is referable")
    referable_threshold: float = Field(ge=0, le=1, description="of p2 + p3 + p4, from which an eye is referred")
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    limitations: list[Annotated[str, Field(pattern=LIMITATION)]] = Field(
        default=[], max_length=10, description="why nobody should rely on it; none in folders of before there were any"
    )
    origin: dict[str, str | int] = Field(description="study, trial, confirmation, epoch: for people, never read")

    @field_validator("views")
    @classmethod
    def _views_are_there(cls, views: int) -> int:
        if views not in VIEWS:
            raise ValueError(f"must be one of {VIEWS}")
        return views


class Preprocessing(BaseModel):
    """preprocessing.json: from a photograph to the network's input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    image_size: int = Field(ge=16, le=2048, description="side of the square input, pixels")
    crop: Literal["fov", "none"]
    colour: Literal["none", "graham"]
    field_of_view: Shape = Field(
        "circle", description="how it is found, one decision for all photographs of the training; frame: not at all"
    )
    normalisation: Literal["unit", "imagenet"]
    mean: list[float] = Field(min_length=3, max_length=3)
    deviation: list[float] = Field(min_length=3, max_length=3)
    resize: Literal["lanczos"] = "lanczos"
    input: Literal["float32 RGB, batch x 3 x size x size"] = "float32 RGB, batch x 3 x size x size"
    steps: list[str] = Field(max_length=20, description="the same in words: for people, never read")

    @model_validator(mode="after")
    def _numbers_are_those_of_the_name(self) -> Self:
        mean, deviation = _NO_SHIFT[self.normalisation]
        if (tuple(self.mean), tuple(self.deviation)) != (mean, deviation):
            raise ValueError(f"mean and deviation must be those of normalisation={self.normalisation}")
        return self


@dataclass(frozen=True)
class Model:
    """A model as `predict` uses it; its networks are on the CPU and in evaluation mode."""

    grader: Grader
    settings: Settings
    preprocessing: Preprocessing


def describe(image_size: int, crop: str, colour: str, normalisation: str, shape: Shape = "circle") -> Preprocessing:
    """preprocessing.json of a configuration's four fields, and of the shape that its data set's field of view has."""
    mean, deviation = _NO_SHIFT[normalisation]
    steps = [
        "turn the photograph as its EXIF orientation says; take it as 8-bit RGB, what is transparent as black",
        f"find the field of view as {_FOUND_AS[shape]}; cut the box around it; black outside; else the whole frame"
        if crop == "fov" and shape != "frame"
        else "add black at the shorter sides until the frame is a square",
        f"resize to {image_size} x {image_size} pixels (Lanczos)",
    ]
    if colour == "graham":
        steps.append("subtract the local average colour (Gaussian, a sixtieth of the side), times 4, plus 128")
    steps += ["divide by 255", "subtract mean, divide by deviation, for each channel"]
    values: dict[str, Any] = {"crop": crop, "colour": colour, "normalisation": normalisation, "field_of_view": shape}
    return Preprocessing(image_size=image_size, mean=list(mean), deviation=list(deviation), steps=steps, **values)


def write_model(folder: Path, grader: Grader, settings: dict[str, Any], preprocessing: Preprocessing) -> Settings:
    """Write the three files; `settings` lacks members, views and the digest of the weights, which are added here."""
    states = [member.state_dict() for member in grader.members]
    state = {
        f"{_prefix(number, len(states))}{key}": tensor
        for number, one in enumerate(states)
        for key, tensor in one.items()
    }
    about = {"architecture": str(settings["architecture"]), "head": str(settings["head"])}
    digest = save_weights(folder / WEIGHTS, state, about)
    complete = Settings(**settings, members=len(states), views=grader.views, weights_sha256=digest)
    for name, content in ((CONFIG, complete), (PREPROCESSING, preprocessing)):
        write_whole(folder / name, (content.model_dump_json(indent=2) + "\n").encode())
    return complete


def _prefix(number: int, members: int) -> str:
    """What the names of a member's tensors begin with."""
    return f"{number}." if members > 1 else ""


def read_model(folder: Path) -> Model:
    """A model from its folder. Raises ConfigError or WeightsError, in one line, for what is no such folder."""
    check_model(folder)
    settings = _read(folder / CONFIG, Settings)
    preprocessing = _read(folder / PREPROCESSING, Preprocessing)
    path = folder / WEIGHTS
    if not path.is_file():
        raise WeightsError(f"{WEIGHTS} must be in the model's folder, but is not; export the model again")
    check_size(path, settings.members * MEMBER_BYTES)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != settings.weights_sha256:
        raise WeightsError(
            f"{WEIGHTS} must have the SHA-256 {settings.weights_sha256[:12]} of {CONFIG}, but has {digest[:12]}; "
            "one of the two was changed or damaged: export the model again"
        )
    members = _members(settings, read_safetensors(path))
    return Model(Grader(members, settings.views).eval(), settings, preprocessing)


def _members(settings: Settings, state: dict[str, Tensor]) -> list[ResNet]:
    """The networks with exactly their tensors; anything else is a WeightsError, before memory is taken."""
    shapes = shaped(settings.architecture, len(GRADES), settings.head).state_dict()
    wanted = {
        f"{_prefix(number, settings.members)}{key}": tensor
        for number in range(settings.members)
        for key, tensor in shapes.items()
    }
    for what, keys in (("lacks", sorted(wanted.keys() - state.keys())), ("has", sorted(state.keys() - wanted.keys()))):
        if keys:
            named = listed([repr(key[:80]) for key in keys], 3)
            raise WeightsError(f"{WEIGHTS} must hold the networks' tensors and no other, but {what} {named}")
    for key, tensor in state.items():
        if tensor.shape != wanted[key].shape or tensor.dtype != wanted[key].dtype:
            raise WeightsError(
                f"{key} of {WEIGHTS} must be {wanted[key].dtype} {tuple(wanted[key].shape)}, "
                f"but is {tensor.dtype} {tuple(tensor.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{key} of {WEIGHTS} must hold finite numbers, but does not; export the model again")
    members = []
    for number in range(settings.members):
        network = ARCHITECTURES[settings.architecture](len(GRADES), settings.head)
        network.load_state_dict({key: state[f"{_prefix(number, settings.members)}{key}"] for key in shapes})
        members.append(network)
    return members


def _read(path: Path, schema: type[Schema]) -> Schema:
    try:
        with open_file(path) as file:
            data = file.read(MAX_JSON + 1)
        if len(data) > MAX_JSON:
            raise ValueError(f"it is larger than {MAX_JSON:,} bytes")
        return schema.model_validate(json.loads(data))
    except ValidationError as error:
        text = _first(error)
    except FileNotFoundError:
        raise ConfigError(
            f"a model must be a folder that `retina export` wrote, but {path.parent} has no {path.name}; name another, "
            "or export a study"
        ) from None
    except OSError as error:
        text = error.strerror or "it cannot be read"
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:120]
    raise ConfigError(f"{path.name} must be as `retina export` wrote it, but {text}; export the model again")


def _first(error: ValidationError) -> str:
    """What is wrong first, with the value, short and printable whatever it is."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(key) for key in first["loc"]) or "the whole"
    return f"{ascii(name)[1:-1][:60]}: {first['msg'][:120]} (got {ascii(first['input'])[:60]})"
