"""The network for other programs: ONNX in one file, and PyTorch's exported program; with what MLflow wants beside it.

Both take normalised images (batch, 3, S, S) of any batch and give the logarithm of the mean probability over members
and views (batch, 5), in fp32: `study.training.prediction`. They are written, never read here: reading a .pt2 can
unpickle. What
PyTorch notes of the source, whose paths name a machine, is taken out.
"""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.export import Dim, ExportedProgram

from retina_data.files import write_whole
from retina_data.grades import GRADES
from study.training.prediction import Grader

ONNX, PROGRAM, MLMODEL = "model.onnx", "model.pt2", "MLmodel"

INPUT, OUTPUT, BATCH = "image", "log_probabilities", "batch"

NEEDED_FOR_ONNX = ("onnx", "onnxscript")


def exported_program(grader: Grader, image_size: int) -> ExportedProgram:
    """The networks, averaged, in evaluation mode as a graph without Python, its batch of any size."""
    example = torch.zeros(2, 3, image_size, image_size)
    program = torch.export.export(grader.eval(), (example,), dynamic_shapes=({0: Dim(BATCH, min=1)},))
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    program.example_inputs = None
    return program


def write_program(path: Path, program: ExportedProgram) -> None:
    """Write a .pt2 file."""
    file = io.BytesIO()
    torch.export.save(program, file)
    write_whole(path, file.getbuffer())


def missing_for_onnx() -> list[str]:
    """Packages that ONNX needs and that are not installed."""
    return [name for name in NEEDED_FOR_ONNX if importlib.util.find_spec(name) is None]


def write_onnx(path: Path, program: ExportedProgram) -> None:
    """Write ONNX with the weights inside; `missing_for_onnx()` must be empty."""
    import onnx

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of the exporter's own steps
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = torch.onnx.export(
                program, dynamo=True, verbose=False, external_data=False, input_names=[INPUT], output_names=[OUTPUT]
            )
    finally:
        logging.disable(before)
    assert made is not None, "a program is given, so one comes back"
    model: Any = made.model_proto
    for place in (*model.graph.input, *model.graph.output):
        place.type.tensor_type.shape.dim[0].dim_param = BATCH
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    write_whole(path, model.SerializeToString())


def mlmodel(image_size: int, when: str) -> str:
    """Text of the file MLmodel: the folder as MLflow's flavours onnx and python_function, declared, nothing pickled."""
    import onnx

    def signature(name: str, *shape: int) -> str:
        return json.dumps(
            [{"name": name, "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, *shape]}}]
        )

    content = {
        "flavors": {
            "onnx": {"data": ONNX, "onnx_version": onnx.__version__, "providers": ["CPUExecutionProvider"]},
            "python_function": {"data": ONNX, "loader_module": "mlflow.onnx"},
        },
        "signature": {
            "inputs": signature(INPUT, 3, image_size, image_size),
            "outputs": signature(OUTPUT, len(GRADES)),
            "params": None,
        },
        "utc_time_created": when,
    }
    return yaml.safe_dump(content, sort_keys=False)
