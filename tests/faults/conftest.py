"""The table that `make test-faults` prints: one row for each fault, filled in by its test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from retina_models.resnet import resnet18
from retina_models.weights import save_weights
from tests.fixtures.study import small_data


@dataclass
class Row:
    """What became of one fault. note: figures beyond the common ones, such as how long something took."""

    fault: str
    tries: int = 1
    lost: int | None = None
    doubled: int | None = None
    note: str = ""
    seconds: float = 0.0
    result: str = "?"
    started: float = field(default_factory=time.monotonic)


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """The row of this test; its name is the test's until it is given a better one.

    It travels with the report of the test's teardown, so that rows of several processes come together.
    """
    made = Row(request.node.name.removeprefix("test_").replace("_", " "))
    yield made
    made.seconds = time.monotonic() - made.started
    made.result = getattr(request.node, "outcome_of_call", "skipped")
    request.node.user_properties.append(("row", asdict(made)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    if call.when == "call":
        item.outcome_of_call = outcome.get_result().outcome  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    every = [report for kind in terminalreporter.stats.values() for report in kind]
    ended = [dict(report.user_properties) for report in every if getattr(report, "when", "") == "teardown"]
    rows = sorted((Row(**one["row"]) for one in ended if "row" in one), key=lambda row: row.fault)
    if not (rows or terminalreporter.stats.get("skipped")):
        return
    width = max((len(row.fault) for row in rows), default=5)
    write = terminalreporter.write_line
    write("")
    write(f"{'fault':<{width}}  tries  lost  doubled  seconds  result")
    for row in rows:
        lost, doubled = ("-" if count is None else str(count) for count in (row.lost, row.doubled))
        figures = f"{row.tries:>5}  {lost:>4}  {doubled:>7}  {row.seconds:>7.1f}"
        write(f"{row.fault:<{width}}  {figures}  {row.result}{f'; {row.note}' if row.note else ''}")
    for report in terminalreporter.stats.get("skipped", []):
        write(f"not run: {report.nodeid.partition('::')[2]}: {report.longrepr[2]}")
    write(f"{sum(row.seconds for row in rows):.0f} s in all")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 photographs of 24 patients at 32 pixels."""
    return small_data(tmp_path_factory.mktemp("faults-data") / "data", patients=24)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a ResNet18 to begin from."""
    file = tmp_path_factory.mktemp("faults-weights") / "resnet18.safetensors"
    save_weights(file, resnet18(seed=7).state_dict(), {"architecture": "resnet18"})
    return file
