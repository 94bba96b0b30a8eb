"""ImageNet's weights: torchvision's files, found, checked, downloaded, and asked for by name where they are missing."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from retina_models import imagenet
from retina_models.errors import WeightsError
from retina_models.imagenet import imagenet_file
from retina_models.resnet import resnet18
from retina_models.weights import load_weights, read_weights
from study.cli.app import app
from tests.retina_models.test_weights import saved


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Path]:
    """An empty hub cache; returns the folder in which torchvision looks for files."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_imagenets_files_are_torchvisions() -> None:
    assert imagenet_file("resnet18").name == "resnet18-f37072fd.pth"
    assert imagenet_file("resnet50").name == "resnet50-11ad3fa6.pth"
    assert imagenet_file("resnet18").parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_without_a_network_one_line_names_file_and_folder(
    hub: Path, no_network: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError) as caught:
        read_weights("imagenet", "resnet50")
    message = str(caught.value)
    assert "resnet50-11ad3fa6.pth" in message and str(hub) in message
    assert "http" not in message and "\n" not in message
    assert capfd.readouterr().err.startswith("downloading ImageNet weights of resnet50 to ")
    assert not list(hub.iterdir())


def test_without_leave_to_download_nothing_is_tried(hub: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match="resnet18-f37072fd.pth"):
        read_weights("imagenet", "resnet18", download=False)
    assert capfd.readouterr().err == "" and not hub.exists()


def test_a_corrupt_cache_file_is_named_and_not_loaded(hub: Path, theirs: dict[str, torch.Tensor]) -> None:
    hub.mkdir(parents=True)
    saved(hub / "resnet18-f37072fd.pth", theirs)  # loads well, but is not the file of that hash
    with pytest.raises(WeightsError, match="^resnet18-f37072fd.pth is damaged: its SHA-256 must begin with f37072fd"):
        read_weights("imagenet", "resnet18")


def test_a_cache_file_whose_hash_is_right_is_read(
    hub: Path, theirs: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.mkdir(parents=True)
    made = saved(hub / "made.pth", theirs)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    made.rename(hub / f"made-{digest[:8]}.pth")
    monkeypatch.setattr(imagenet, "imagenet_url", lambda architecture: f"https://host/made-{digest[:8]}.pth")
    read = read_weights("imagenet", "resnet18", download=False)
    assert (read.source, read.digest) == ("imagenet", digest)
    assert len(load_weights(resnet18(1000), read).loaded) == len(theirs)


def test_a_download_is_checked_and_announced(
    hub: Path, tmp_path: Path, theirs: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.hub reads file:// addresses the way it reads others: the same code, without a network."""
    made = saved(tmp_path / "made.pth", theirs)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    for prefix in (digest[:8], "00000000"):
        made = made.rename(tmp_path / f"made-{prefix}.pth")
        monkeypatch.setattr(imagenet, "imagenet_url", lambda architecture, url=made.as_uri(): url)
        if prefix == "00000000":
            with pytest.raises(WeightsError, match="could not be downloaded.*made-00000000.pth"):
                read_weights("imagenet", "resnet18")
        else:
            assert read_weights("imagenet", "resnet18").digest == digest
    assert [file.name for file in hub.iterdir()] == [f"made-{digest[:8]}.pth"]


def test_weights_can_be_fetched_without_training(
    hub: Path, tmp_path: Path, theirs: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = saved(tmp_path / "made.pth", theirs)
    made = made.rename(tmp_path / f"made-{hashlib.sha256(made.read_bytes()).hexdigest()[:8]}.pth")
    monkeypatch.setattr(imagenet, "imagenet_url", lambda architecture: made.as_uri())
    done = CliRunner().invoke(app, ["weights", "resnet18"])
    assert done.exit_code == 0 and "resnet18: " in done.output.replace("\n", "")
    assert [file.name for file in hub.iterdir()] == [made.name]
