import io
import os
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from retina_models.resnet import ResNet, resnet18, resnet50
from study.inference import onnx as formats
from study.training.prediction import Grader

SIZE, SLOW = 64, pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


def _network(make: Callable[..., ResNet], seed: int) -> ResNet:
    """With statistics and weights as after training: not what every BatchNorm begins with."""
    model = make(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if "running_mean" in name or name.endswith("bias"):
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
        elif "running_var" in name:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return model.eval()


@pytest.mark.parametrize(
    ("make", "head", "members", "views"),
    [
        pytest.param(resnet18, "linear", 1, 1, marks=SLOW),
        (resnet18, "linear", 2, 4),
        pytest.param(resnet18, "lab", 3, 8, marks=SLOW),
        pytest.param(resnet50, "linear", 1, 8, marks=SLOW),
    ],
)
def test_outputs_agree_in_all_formats_for_any_batch(
    make: object, head: str, members: int, views: int, tmp_path: Path
) -> None:
    model = Grader([_network(partial(make, head=head), seed) for seed in range(members)], views)  # type: ignore[arg-type]
    program = formats.exported_program(model, SIZE)
    formats.write_onnx(tmp_path / "m.onnx", program)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("image", ["batch", 3, SIZE, SIZE])]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("log_probabilities", ["batch", 5])]
    for batch in (1, 2, 7):
        x = torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            ours, exported = model(x), program.module()(x)
        (theirs,) = session.run(None, {"image": x.numpy()})
        assert np.allclose(np.exp(theirs).sum(axis=1), 1, atol=1e-5)
        for other in (theirs, exported.detach().numpy()):
            assert np.abs(np.exp(other) - np.exp(ours.numpy())).max() < 1e-4
            np.testing.assert_allclose(other, ours.numpy(), rtol=1e-5, atol=1e-4)  # some are -100: float32 has 7 digits


def test_the_files_are_one_each_and_name_neither_this_machine_nor_its_user(tmp_path: Path) -> None:
    program = formats.exported_program(Grader([resnet18()], 4), SIZE)
    formats.write_program(tmp_path / formats.PROGRAM, program)
    formats.write_onnx(tmp_path / formats.ONNX, program)
    assert sorted(path.name for path in tmp_path.iterdir()) == [formats.ONNX, formats.PROGRAM]
    archive = zipfile.ZipFile(io.BytesIO((tmp_path / formats.PROGRAM).read_bytes()))
    contents = [archive.read(name) for name in archive.namelist()] + [(tmp_path / formats.ONNX).read_bytes()]
    for secret in (str(ROOT), sys.prefix, os.path.expanduser("~"), "resnet.py", "grader.py"):
        assert not any(secret.encode() in content for content in contents), secret
    onnx.checker.check_model(onnx.load(tmp_path / formats.ONNX))


def test_what_onnx_needs_is_asked_for_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert formats.missing_for_onnx() == []
    monkeypatch.setattr(formats, "NEEDED_FOR_ONNX", ("onnx", "no_such_package"))
    assert formats.missing_for_onnx() == ["no_such_package"]
