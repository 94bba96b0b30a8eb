"""MLflow's page with the saved view that study.tracking.saved_view writes: the right trial on top, four charts.

The view's format is MLflow's own. When this fails after MLflow has been renewed, the format has changed.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from analysis import schema
from study.storage.events import Event
from study.tracking.mlflow_tracker import Tracking
from study.tracking.server import server_error
from tests.fixtures.study import close_event, end_event, epoch_event, study_event, trial_event

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

NAME, PATIENCE = "eyes", 60.0
KAPPAS = (0.2, 0.5, 0.3, 0.8, 0.1, 0.6)
CELLS = (("resnet18", False), ("resnet18", True), ("resnet50", False), ("resnet50", True))
BEST = "0003 resnet50-pretrained"


def _write(home: Path) -> str:
    """A study with its trials, and a confirmation that would be on top if it counted; returns the store's address."""
    uri, folder = f"sqlite:///{home / 'mlflow.db'}", home / NAME
    folder.mkdir(parents=True)
    tracking = Tracking(uri, NAME, folder, (home / "mlartifacts" / NAME).as_uri())
    arms = [f"{architecture}-{'pretrained' if pretrained else 'scratch'}" for architecture, pretrained in CELLS]
    events: list[Event] = [replace(study_event(trials=len(KAPPAS)), arms=arms, not_run={})]
    for number, kappa in enumerate(KAPPAS):
        started, cell = trial_event(number, epochs=3), CELLS[number % 4]
        started.config.update(architecture=cell[0], pretrained=cell[1], lr=10 ** (-4 + number / 4))
        started.config["imbalance"] = ("none", "focal")[number % 2]
        events += [started, *(epoch_event(number, epoch, kappa * epoch / 3) for epoch in (1, 2, 3)), end_event(number)]
    for event in [*events, close_event()]:
        assert tracking.apply(event)
        tracking.send(event)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(NAME).experiment_id
    tags = {schema.TAG_KIND: schema.KIND_CONFIRM, schema.TAG_CONFIRM: "c0000"}
    confirmed = client.create_run(experiment, run_name="c0000", tags=tags).info.run_id
    client.log_batch(confirmed, metrics=[Metric(key, 0.99, 1, 1) for key in ("best/val_kappa", "val/kappa")])
    client.set_terminated(confirmed)
    return uri


@dataclass(frozen=True)
class Shown:
    """A server that `retina ui` began, and the link that it printed."""

    home: Path
    port: int
    link: str

    def again(self) -> subprocess.CompletedProcess[str]:
        """The same command while the server runs."""
        return subprocess.run(_command(self.port), capture_output=True, text=True, env=_environment(self.home))


def _command(port: int) -> list[str]:
    return [sys.executable, "-m", "study", "ui", NAME, "--port", str(port)]


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return kept | {"RETINA_HOME": str(home)}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    home = tmp_path_factory.mktemp("ui") / "home"
    _write(home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = home / "log"
    with log.open("w") as file:
        process = subprocess.Popen(_command(port), stdout=file, stderr=file, env=_environment(home))
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"^open (\S+)$", log.read_text(), re.MULTILINE)):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert not server_error(f"http://127.0.0.1:{port}"), "the link was told before MLflow answered"
        yield Shown(home, port, found[1])
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@pytest.fixture(scope="module")
def page(browser: Browser, shown: Shown) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1500, "height": 1300})
    opened.goto(shown.link)
    opened.get_by_test_id("experiment-view-compare-runs-card").first.wait_for(timeout=1000 * PATIENCE)
    yield opened
    opened.close()


def test_the_best_trial_is_on_top_and_nothing_but_trials_is_there(page: Page) -> None:
    page.wait_for_selector(f"text={BEST}")
    names = page.locator(".ag-row a[href*='/runs/']")
    assert names.count() == len(KAPPAS)
    by_place = sorted(names.all(), key=lambda name: name.bounding_box()["y"])
    order = sorted(range(len(KAPPAS)), key=lambda number: -KAPPAS[number])
    assert [int(name.inner_text()[:4]) for name in by_place] == order
    assert by_place[0].inner_text() == BEST


def test_the_four_charts_are_drawn(page: Page) -> None:
    cards = page.get_by_test_id("experiment-view-compare-runs-card")
    cards.nth(3).locator("img").first.wait_for(timeout=1000 * PATIENCE)
    assert cards.count() == 4
    parallel, scatter, curves, confusion = cards.all()
    assert "Parallel" in parallel.inner_text()
    parallel.get_by_text("best/val_kappa").first.wait_for(timeout=1000 * PATIENCE)  # drawn some time after its title
    axes = parallel.inner_text()
    assert all(
        name in axes for name in ("architecture", "pretrained", "imbalance", "hparam/log10_lr", "best/val_kappa")
    )
    scatter.locator(".scatterlayer .point").first.wait_for(timeout=1000 * PATIENCE)
    assert "hparam/log10_lr" in scatter.inner_text()
    assert scatter.locator(".scatterlayer .point").count() == len(KAPPAS)
    curves.locator(".scatterlayer .trace").first.wait_for(timeout=1000 * PATIENCE)
    assert "val/kappa" in curves.inner_text()
    assert curves.locator(".scatterlayer .trace path.js-line").count() >= len(KAPPAS)
    page.wait_for_function(
        "card => [...card.querySelectorAll('img')].every(image => image.complete)", arg=confusion.element_handle()
    )
    widths = confusion.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) == len(KAPPAS) and min(widths) >= 200  # a picture that could not be had has no width


def test_the_note_begins_with_the_result(page: Page) -> None:
    page.get_by_text("on validation (n = 5").first.wait_for(timeout=1000 * PATIENCE)  # drawn after the table
    assert "ResNet50, pretrained: kappa 0.800 on validation (n = 5, trial 0003)." in page.inner_text("body")


def test_the_table_has_the_agreed_columns(page: Page, browser: Browser, shown: Shown) -> None:
    table = browser.new_page(viewport={"width": 2200, "height": 1000})
    table.goto(shown.link.replace("CHART", "TABLE"))
    table.wait_for_selector(f"text={BEST}", timeout=1000 * PATIENCE)
    heads = " ".join(table.locator(".ag-header-cell").all_inner_texts())
    for column in ("arm", "state", "best/val_kappa", "best/val_accuracy", "lr", "batch_size", "imbalance"):
        assert column in heads
    table.close()


def test_a_server_that_runs_is_linked_and_no_second_one_begun(shown: Shown, tmp_path: Path) -> None:
    done = shown.again()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"open {shown.link}"


def test_another_home_does_not_take_it_for_its_own(shown: Shown, tmp_path: Path) -> None:
    _write(tmp_path / "home")
    done = Shown(tmp_path / "home", shown.port, "").again()
    assert done.returncode == 2
    assert f"port {shown.port} must be free" in done.stderr
