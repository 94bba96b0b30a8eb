"""Compiled steps: two shapes, equal numbers each time, code in the user's own folder, one line without a compiler."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch
from torch import nn

from retina_models import compilation
from retina_models.compilation import CACHE, THREADS, code_cache, compiled, missing_compiler
from retina_models.errors import CompilationError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled code, in one of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(CACHE, "")  # put back afterwards, whatever torch makes of it
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv(THREADS, "1")
    return tmp_path / "retina" / "compiled"


def small() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)
    return nn.Sequential(*layers)


def steps(model: nn.Module, images: list[int]) -> list[torch.Tensor]:
    """Outputs of training steps on batches of so many images."""
    forward, outputs = compiled(model, CPU), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step, count in enumerate(images):
        x = torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        y = forward(x)
        optimizer.zero_grad()
        y.square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        outputs.append(y.detach())
    return outputs


@pytest.mark.slow  # the compiler takes longer than 10 s on a busy machine
def test_two_shapes_repeat_and_are_the_network_s_own(own_cache: Path) -> None:
    images = [5, 4, 5, 4]
    first, second = steps(small(), images), steps(small(), images)
    assert [len(y) for y in first] == images  # nothing is padded
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    x = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(first[0], small()(x).detach(), rtol=1e-4, atol=1e-5)
    assert not torch.equal(first[0], first[2]), "its steps changed the network's weights"
    assert any(own_cache.rglob("*")) and os.environ[CACHE] == str(own_cache)


@pytest.mark.slow
def test_what_torch_does_not_manage_is_one_line() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return -x if x.sum() > 0 else x  # what the numbers are decides: no one function

    with pytest.raises(CompilationError) as caught:
        compiled(Branches(), CPU)(torch.ones(2, 3))
    assert "\n" not in str(caught.value) and "TORCHDYNAMO" not in str(caught.value)
    assert str(caught.value).endswith("give a compiler that works there (CXX), or begin anew with compile: off")


def test_code_lies_in_a_folder_that_only_its_user_can_read(own_cache: Path) -> None:
    own_cache.mkdir(parents=True)
    own_cache.chmod(0o777)
    assert code_cache() == own_cache
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700


def test_without_xdg_it_lies_in_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert code_cache() == tmp_path / "user" / ".cache" / "retina" / "compiled"


def test_a_folder_that_is_not_the_user_s_own_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache.parent.mkdir()
    (own_cache.parent / "elsewhere").mkdir()
    own_cache.symlink_to(own_cache.parent / "elsewhere")
    with pytest.raises(CompilationError, match=r"must be a folder of the user's own.* set XDG_CACHE_HOME"):
        code_cache()
    own_cache.unlink()
    code_cache()
    monkeypatch.setattr(compilation.os, "getuid", lambda: os.stat(own_cache).st_uid + 1)
    with pytest.raises(CompilationError, match="must be a folder of the user's own"):
        code_cache()


def test_without_a_compiler_one_line_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    lacking = (
        "compile=on needs a C++ compiler where trials run, but g++ is not there; install one there, or begin anew with "
        "compile: off"
    )
    assert missing_compiler(gpu=False) == missing_compiler(gpu=True) == lacking
    with pytest.raises(CompilationError) as caught:
        compiled(small(), CPU)
    assert str(caught.value) == lacking


def test_a_gpu_needs_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: False)
    assert not missing_compiler(gpu=False)
    assert missing_compiler(gpu=True).startswith("compile=on needs Triton for a GPU, but torch finds none")
