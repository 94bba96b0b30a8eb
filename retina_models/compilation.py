"""A network's step compiled by torch, and the folder that its code is kept in.

Nothing is timed to choose a kernel, so that compiled numbers repeat; they differ from those of the eager network. Each
shape of a batch is compiled once for a network (minutes on a CPU) and read from the folder the next time (seconds).
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from retina_models.errors import CompilationError

CACHE = "TORCHINDUCTOR_CACHE_DIR"

THREADS = "TORCHINDUCTOR_COMPILE_THREADS"

OFF = "or begin anew with compile: off"

WAIT = (
    "compile: on: each network's step is compiled first for each of its batch sizes, which takes minutes on a CPU; no "
    "expected time has that in it"
)


def compiled(model: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The network as one compiled function of images (B, 3, S, S), for each B anew; it shares the network's weights.

    Raises CompilationError where a compiler is missing, or where it does not manage the network.
    """
    if lacking := missing_compiler(device.type == "cuda"):
        raise CompilationError(lacking)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses a GPU where none is wanted
    os.environ.setdefault(CACHE, str(code_cache()))
    os.environ.setdefault(THREADS, str(torch.get_num_threads()))  # processes that compile beside this one
    torch.compiler.reset()  # an earlier trial of this process left shapes that count against torch's limit
    step = torch.compile(model, fullgraph=True, dynamic=False, options={"deterministic": True})
    from torch._dynamo.exc import TorchDynamoException  # only now: it takes seconds to import

    def forward(images: Tensor) -> Tensor:
        try:
            outputs: Tensor = step(images)
        except TorchDynamoException as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].split())[:200]
            raise CompilationError(
                f"compile=on must compile the network here, but does not ({reason}); give a compiler that works there "
                f"(CXX), {OFF}"
            ) from error
        return outputs

    return forward


def missing_compiler(gpu: bool) -> str:
    """The rule and remedy where this machine lacks a C++ compiler, or Triton for a GPU; else empty."""
    wanted = os.environ.get("CXX", "g++")
    if not (shutil.which(wanted) or shutil.which("clang++")):
        return f"compile=on needs a C++ compiler where trials run, but {wanted} is not there; install one there, {OFF}"
    if gpu:
        from torch.utils._triton import has_triton

        if not has_triton():
            return f"compile=on needs Triton for a GPU, but torch finds none that it can use; install it there, {OFF}"
    return ""


def code_cache() -> Path:
    """The user's own folder of compiled code: it holds code and pickles, so nobody else may write there.

    Below XDG_CACHE_HOME (~/.cache without it), never in the home of studies, which others may share. Raises
    CompilationError where the folder is another user's.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retina" / "compiled"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise CompilationError(
            f"the folder of compiled code must be a folder of the user's own, but {folder} is not; set XDG_CACHE_HOME "
            f"to another one, {OFF}"
        )
    folder.chmod(0o700)
    return folder
