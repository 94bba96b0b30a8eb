"""The whole line on synthetic photographs: data, source weights from another camera, search, confirmation, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analysis.columns import RUN, headline
from analysis.records import GRADES
from analysis.tables import with_interval
from retina_data.index import read_index
from retina_data.synthetic import EVEN_MIX, make_dataset
from retina_models.pretrained import Weights, imagenet_file, save_weights
from retina_models.resnet import ARCHITECTURES, BasicBlock, Bottleneck
from study import confirming, session
from study.checkpoints import weights_metadata
from study.config import make_trial_config
from study.confirm import Wish
from study.disk import check_room, needed
from study.plan import Inputs
from study.prepared import prepare_data
from study.recorder import WEIGHTS_KEPT
from study.running import Compute
from study.seen import seen_text

if TYPE_CHECKING:
    from study.place import Place

NAME = "demo"
SIZE = 64
ARMS = 4
SEEDS = 2  # of a confirmation; three would cost the demo another minute
PATIENTS, SOURCE_PATIENTS = 200, 550
SOURCE: dict[str, Any] = {"image_size": SIZE, "lr": 0.001, "batch_size": 16, "optimizer": "adamw"}
SOURCE_EPOCHS = {"resnet18": 12, "resnet50": 8}  # of which a ResNet18 takes a minute, a ResNet50 two
SEARCH: dict[str, Any] = {
    "trials": 12, "epochs": 4, "image_size": SIZE, "optimizer": "adamw",
    "space": {
        "architecture": ["resnet18", "resnet50"], "pretrained": [False, True],
        "lr": {"low": 1e-4, "high": 2e-3, "log": True}, "batch_size": [16, 32],
        "imbalance": ["none", "oversample", "weighted_loss", "focal"],
    },
}  # fmt: skip


def run_demo(here: Place, console: Console) -> int:
    """Make data and source weights, search, confirm, report; returns the exit code. What is there is used again."""
    begun = time.monotonic()
    # Asked by search and confirmation too, but then the source networks have been trained for minutes.
    kept = WEIGHTS_KEPT + SEEDS
    check_room(here.home / NAME / "checkpoints", needed(set(ARCHITECTURES), {SEARCH["optimizer"]}, ARMS, 1, kept))
    folder = here.home / "demo-data"
    console.rule("1/5 two synthetic data sets: the study's camera, and another one to learn from first")
    make_dataset(folder / "study", patients=PATIENTS, image_size=64, camera="a", seed=1)
    source = folder / "source"  # as many photographs of each grade: more to learn from in the same time
    make_dataset(
        source, patients=SOURCE_PATIENTS, image_size=64, camera="b", seed=2, test_fraction=0.1, grade_mix=EVEN_MIX
    )
    console.rule("2/5 source weights: what `with pretraining` means here")
    weights = {name: _source_weights(name, folder, here.home, console) for name in ARCHITECTURES}
    console.rule("3/5 the search: ResNet18 and ResNet50, with and without pretraining, equal budgets")
    inputs = Inputs(data=folder / "study", overrides={**SEARCH, "weights": weights})
    code = session.search(NAME, here, console, inputs, Compute())
    if code:
        return code
    console.rule("4/5 the confirmation: each arm's winner with fresh seeds, then the test part, read once for each")
    code = confirming.confirm(NAME, here, console, Wish(seeds=SEEDS), Compute())
    if code:
        return code
    console.rule("5/5 the report")
    report = session.write_study_report(NAME, here, lambda text: console.print(text, markup=False))
    text = {name: str for name in ("trial", "confirmed_trial", "reason", "seed_numbers")}  # empty ones are not numbers
    _print_four_way(console, headline(pd.read_csv(report / "four_way.csv", dtype=text)))
    console.print(f"report:  {report / 'report.html'}", markup=False)
    console.print(f"trials:  retina ui {NAME}", markup=False)
    console.print(f"took {time.monotonic() - begun:.0f} s", markup=False)
    return 0


def _source_weights(architecture: str, folder: Path, home: Path, console: Console) -> str:
    """ImageNet weights where they are on the disk, else a file trained on the other camera."""
    if imagenet_file(architecture).exists():
        console.print(f"{architecture}: ImageNet weights from the disk")
        return "imagenet"
    import torch

    from study.train import train

    file = folder / f"source-{architecture}.safetensors"
    if file.exists():
        console.print(f"{architecture}: {file} is there already", markup=False)
        return str(file)
    config = make_trial_config(
        {**SOURCE, "architecture": architecture, "pretrained": True, "epochs": SOURCE_EPOCHS[architecture]}
    )
    dataset = read_index(folder / "source")
    prepared = prepare_data(  # its test list is only looked at: nothing is chosen there
        dataset, home, image_size=SIZE, crop=config.crop, val_fraction=0.2, seed=0, select_on="test"
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    epochs = train(config, prepared.train_data(), device, weights=_quiet_start(architecture))
    runs = track(epochs, f"{architecture} on the other camera", total=config.epochs)
    last = list(runs)[-1]
    save_weights(file, last.state()["model"], weights_metadata(config, last.number, seen_text(prepared)))
    kappa = last.scores.get("val/kappa", float("nan"))
    console.print(f"{architecture}: kappa {kappa:.3f} on {prepared.count('val')} photographs of the other camera")
    return str(file)


def _quiet_start(architecture: str) -> Weights:
    """A new network whose blocks give at first what they get (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).

    Without this a ResNet50 learns nothing from some thousand photographs in the demo's time.
    """
    import torch

    model = ARCHITECTURES[architecture](len(GRADES))
    for module in model.modules():
        if isinstance(module, BasicBlock | Bottleneck):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            torch.nn.init.zeros_(last.weight)
    return Weights(architecture, model.state_dict(), digest="", source="new")


def _print_four_way(console: Console, cells: pd.DataFrame) -> None:
    table = Table("arm", "accuracy (95 %)", "majority class", "kappa (95 %)", "n")
    for cell in cells.to_dict("records"):
        if cell["status"] != RUN:
            table.add_row(str(cell["cell"]), f"{cell['status']}: {cell['reason']}")
            continue
        accuracy, kappa = with_interval(cell, "accuracy"), with_interval(cell, "kappa")
        table.add_row(str(cell["cell"]), accuracy, f"{cell['majority']:.3f}", kappa, str(int(cell["n"])))
    console.print(table)
    console.print(
        f"each arm's best trial on validation, trained again with {SEEDS} fresh seeds: their mean on the test part, "
        "which the search never saw; intervals over patients, conditional on the trained models"
    )
