"""Where weights come from: ImageNet, synthetic photographs or a file; every key of file and model is accounted for.

Files are torchvision state dicts and checkpoints (`.pth`, `.pt`, read without running code in them) or `.safetensors`,
the format that is written here.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from retina_models.errors import WeightsError
from retina_models.imagenet import fetch_imagenet, hash_prefix, imagenet_file
from retina_models.resnet import ARCHITECTURES, BasicBlock, Bottleneck

COUNTER = "num_batches_tracked"  # of each BatchNorm; older files lack it, and nothing here depends on its value

IMAGENET, SYNTHETIC, FILE = "imagenet", "synthetic", "file"
"""Kinds of weights: torchvision's files, networks trained on synthetic photographs alone, and all others."""

MOST_BYTES = 4_000_000_000

KIND = "kind"
"""Of a file's metadata: SYNTHETIC where it was made on synthetic photographs."""


@dataclass(frozen=True)
class Weights:
    """A state dict and where it came from.

    digest: SHA-256 of the file, hexadecimal. source: "imagenet" or the file's name without its folder.
    """

    architecture: str
    state: dict[str, Tensor]
    digest: str
    source: str


@dataclass(frozen=True)
class LoadReport:
    """What became of each key: every key of the model and of the file stands in exactly one of the four."""

    loaded: tuple[str, ...]
    new: tuple[str, ...]  # in the model only: keeps its initialisation
    unused: tuple[str, ...]  # in the file only
    wrong_shape: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]  # key, file's shape, model's shape: as new

    def __str__(self) -> str:
        lines = [f"loaded {len(self.loaded)} of {len(self.loaded) + len(self.new) + len(self.wrong_shape)} tensors"]
        if self.new:
            lines.append(f"new, not in the file: {listed(self.new)}")
        if self.unused:
            lines.append(f"unused, not in the model: {listed(self.unused)}")
        if self.wrong_shape:
            shapes = [
                f"{_named(key)} (file {list(file)}, model {list(model)})" for key, file, model in self.wrong_shape
            ]
            lines.append(f"wrong shape, kept new: {listed(shapes)}")
        return "; ".join(lines)


def listed(names: tuple[str, ...] | list[str], most: int = 6) -> str:
    """The names, the first few of many."""
    return ", ".join(map(_named, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def check_size(path: Path, most: int = MOST_BYTES) -> None:
    """Raise WeightsError for a file that is larger than these networks: one with holes would be read for hours."""
    size = path.stat().st_size
    if size > most:
        raise WeightsError(
            f"a file of weights must have at most {most / 1e9:.0f} GB, but {path.name} has {size / 1e9:,.0f} GB; give "
            "another"
        )


def _check_finite(state: Mapping[str, Tensor], name: str) -> None:
    """Raise WeightsError where a number is NaN or infinite: training would fail at its first step."""
    for key, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"weights must be finite, but {_named(key)} of {name} is not; copy the file again")


def _named(key: str) -> str:
    """A key of a file as a message may hold it: short, and all of it visible."""
    text = key if len(key) <= 80 else f"{key[:77]}..."
    return text if text.isprintable() else ascii(text)


def read_weights(source: str | Path, architecture: str, *, download: bool = True) -> Weights:
    """Read the weights of an architecture from "imagenet" or from a file.

    "imagenet" is the file that torchvision's hub cache holds; it is downloaded if it is missing and `download` is set.
    Raises WeightsError where there is no such file, or it is damaged, or it holds something else than weights.
    """
    imagenet = str(source) == "imagenet"
    path = imagenet_file(architecture) if imagenet else Path(source)
    if imagenet and not path.exists():
        fetch_imagenet(architecture, path, download)
    if not path.is_file():
        raise WeightsError(f"weights must be 'imagenet', 'synthetic' or an existing file, but {path} is not a file")
    check_size(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if imagenet and not digest.startswith(hash_prefix(path)):
        raise WeightsError(
            f"{path.name} is damaged: its SHA-256 must begin with {hash_prefix(path)}, but begins with {digest[:8]}; "
            "delete it from torch's cache (hub/checkpoints in TORCH_HOME) and put a good copy there, or start again "
            "with a network"
        )
    state = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    _check_finite(state, path.name)
    return Weights(architecture, state, digest, "imagenet" if imagenet else path.name)


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a safetensors file; empty where there is none, the file is damaged, or it is of another format."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as opened:
            return {str(key): str(value) for key, value in (opened.metadata() or {}).items()}
    except (SafetensorError, OSError, ValueError):
        return {}  # `read_weights` says so


def kind_of(path: Path, weights: Weights) -> str:
    """IMAGENET, SYNTHETIC or FILE: what the file holds, whatever its name is and wherever it lies."""
    if path.suffix == ".safetensors":
        return SYNTHETIC if read_metadata(path).get(KIND) == SYNTHETIC else FILE
    publisher = hash_prefix(imagenet_file(weights.architecture))
    return IMAGENET if weights.digest.startswith(publisher) else FILE


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, on the CPU."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path.name} is damaged or no safetensors file ({first_line(error)}); copy it again"
        ) from error


def read_torch(path: Path) -> dict[str, Tensor]:
    """Tensors of a file that torch.save wrote: a state dict, or a checkpoint that holds one under "model".

    A pickle that would run code is refused.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols; whether it loads is all that counts
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} is no plain state dict: loading it could run code, or it is damaged; "
            "save only model.state_dict() and use that file"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise WeightsError(f"{path.name} is damaged or no torch file ({first_line(error)}); copy it again") from error
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path.name} must hold a state dict (name -> tensor), but holds something else")
    return {str(key): value for key, value in content.items()}


def first_line(error: Exception) -> str:
    """The first line of an error's message, short, without the folder of a file."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:120]


def load_weights(model: nn.Module, weights: Weights) -> LoadReport:
    """Copy into the model each tensor whose name and shape agree, and say what became of every other one.

    A classifier with another number of classes is of wrong shape and stays new. Raises WeightsError if nothing was
    loaded; the counters of BatchNorm, equal in all architectures, do not count as something.
    """
    mine, theirs = model.state_dict(), weights.state
    loaded = tuple(key for key in mine if key in theirs and mine[key].shape == theirs[key].shape)
    report = LoadReport(
        loaded=loaded,
        new=tuple(key for key in mine if key not in theirs),
        unused=tuple(key for key in theirs if key not in mine),
        wrong_shape=tuple(
            (key, tuple(theirs[key].shape), tuple(mine[key].shape))
            for key in mine
            if key in theirs and mine[key].shape != theirs[key].shape
        ),
    )
    if all(key.endswith(COUNTER) for key in loaded):
        raise WeightsError(
            f"at least one tensor of {weights.source} must fit {weights.architecture}, but none does ({report}); "
            "give weights of the same architecture"
        )
    model.load_state_dict({key: theirs[key] for key in loaded}, strict=False)
    return report


def save_weights(path: Path, model_state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Write a state dict as safetensors, whole or not at all; returns the file's SHA-256, hexadecimal.

    The same tensors and metadata give the same file to the bit.
    """
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model_state.items()}
    pieces, digest = _in_order(save(tensors, dict(metadata))), hashlib.sha256()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def _in_order(content: bytes) -> tuple[bytes, memoryview]:
    """A safetensors file, header and tensors, with its metadata sorted: the library writes them in any order.

    Format: length of the header (8 bytes), header (JSON, padded to a multiple of 8 bytes), tensors.
    https://github.com/huggingface/safetensors#format
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, memoryview(content)[start:]  # no copy: they are 94 MB of a ResNet50


def zero_init_residual(architecture: str, seed: int = 0) -> Weights:
    """Random weights of a whole network, with a scale of zero at the end of each residual block.

    So a block gives at first what it gets (Goyal et al. 2017, https://arxiv.org/abs/1706.02677; torchvision's argument
    of this name). Without it a ResNet50 learns nothing from some thousand photographs in a few epochs.
    """
    model = ARCHITECTURES[architecture](seed=seed)
    for module in model.modules():
        if isinstance(module, BasicBlock | Bottleneck):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            torch.nn.init.zeros_(last.weight)
    return Weights(architecture, model.state_dict(), digest="", source="new")
