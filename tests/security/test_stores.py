"""An MLflow store that somebody else wrote: its ids and places lead nowhere."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.results.mlflow_reader import read_study
from study.tracking.saved_view import VIEW_NAME, saved_view, unpacked
from study.tracking.sqlite_store import CheckedClient, StoreError, open_client
from tests.security.conftest import NAME, OTHER, Retina, World

OUT = "file://{outside}/x"


def _ids(new: str) -> tuple[str, ...]:
    """Give the trial's run another id, wherever it stands."""
    tables = ("tags", "params", "metrics", "latest_metrics", "runs")
    one = f"(SELECT r.run_uuid FROM runs r JOIN experiments e USING (experiment_id) WHERE e.name = '{NAME}' LIMIT 1)"
    made = "CREATE TEMP TABLE chosen AS SELECT " + one + " AS id"
    return (
        "PRAGMA foreign_keys = OFF", made,
        *(f"UPDATE {table} SET run_uuid = '{new}' WHERE run_uuid = (SELECT id FROM chosen)" for table in tables),
    )  # fmt: skip


PLACES = {
    "run's place": (f"UPDATE runs SET artifact_uri = '{OUT}'",),
    "run's place up": ("UPDATE runs SET artifact_uri = artifact_uri || '/../../../../../outside/x'",),
    "run's place encoded": ("UPDATE runs SET artifact_uri = artifact_uri || '/%2e%2e/%2e%2e/%2e%2e/%2e%2e/outside/x'",),
    "run's place below nothing": (
        "UPDATE runs SET artifact_uri = replace(artifact_uri, '/mlartifacts/', '/mlartifacts//etc/')",
    ),
    "run's place with a NUL": ("UPDATE runs SET artifact_uri = artifact_uri || '/%00'",),
    "run's place is no address": ("UPDATE runs SET artifact_uri = 'file://[/x'",),
    "run's place on a host": ("UPDATE runs SET artifact_uri = 'file://host/x'",),
}
"""Places of runs that are refused."""

STORES = {
    **PLACES,
    "run id out": _ids("../../../outside"),
    "run id absolute": _ids("/etc"),
    "run id up": _ids(".."),
    "experiment's place": (f"UPDATE experiments SET artifact_location = '{OUT}'",),
    "experiment's place up": ("UPDATE experiments SET artifact_location = artifact_location || '/../../../outside/x'",),
    "experiment's place of another": (
        f"UPDATE experiments SET artifact_location = replace(artifact_location, '/{NAME}', '/{OTHER}')",
    ),
    "experiment's name": (f"UPDATE experiments SET name = '../outside' WHERE name = '{OTHER}'",),
    "trial's tag": ("UPDATE tags SET value = '../../x' WHERE key = 'trial'",),
    "study's tag": ("UPDATE tags SET value = '../outside' WHERE key = 'study'",),
    "fold without end": (
        "INSERT INTO tags (key, value, run_uuid) SELECT 'fold', '1/1000000000', run_uuid FROM tags WHERE key = 'kind'",
    ),
    "escape in tags": ("UPDATE tags SET value = char(27) || '[2J[/x]' || value WHERE key IN ('reason', 'arm')",),
    "kind": ("UPDATE tags SET value = char(27) || '[2J' WHERE key = 'kind'",),
}


@pytest.mark.parametrize("name", STORES)
def test_a_store_leads_nowhere(world: World, retina: Retina, name: str) -> None:
    world.sql(*(statement.replace("{outside}", str(world.outside)) for statement in STORES[name]))
    before = world.canary()
    (world.study / "synced").unlink()
    refused = pytest.raises(ValueError, match="artifacts must lie in") if name in PLACES else suppress(ValueError)
    with refused:  # what a report reads; its figures would take seconds
        read_study(world.here.tracking_uri, NAME, root=world.home / "mlartifacts")
    for arguments in (["status"], ["status", NAME, "--sync"], ["delete", NAME, "--yes"]):
        code, said = retina(*arguments)
        assert code in (0, 1, 2) and "\x1b" not in said
        assert world.canary() == before, arguments


@pytest.mark.parametrize("uri", ["file:///tmp/x", "/tmp/x"])
def test_no_server_is_given_a_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    client = CheckedClient("http://127.0.0.1:9", None)
    with pytest.raises(StoreError, match="a server must keep artifacts itself"):
        client.check_place(uri)
    monkeypatch.setattr(client, "get_run", lambda run_id: SimpleNamespace(info=SimpleNamespace(artifact_uri=uri)))
    (tmp_path / "report.html").write_text("x")
    with pytest.raises(StoreError, match="a server must keep artifacts itself"):
        client.log_artifact("0", str(tmp_path / "report.html"))
    with pytest.raises(StoreError, match="a server must keep artifacts itself"):
        client.log_artifacts("0", str(tmp_path))


def test_a_store_of_our_own_writes_below_the_home_alone(world: World) -> None:
    client = open_client(world.here.tracking_uri, world.home / "mlartifacts")
    (experiment,) = [one for one in client.search_experiments() if one.name == NAME]
    run = client.create_run(experiment.experiment_id)
    client.log_dict(run.info.run_id, {"a": 1}, "a.json")
    world.sql(f"UPDATE runs SET artifact_uri = 'file://{world.outside}' WHERE run_uuid = '{run.info.run_id}'")
    before = world.canary()
    with pytest.raises(StoreError, match="artifacts must lie in"):
        open_client(world.here.tracking_uri, world.home / "mlartifacts").log_dict(run.info.run_id, {"a": 1}, "a.json")
    assert world.canary() == before


def test_a_place_of_a_store_that_was_read_is_below_it(world: World) -> None:
    world.sql(f"UPDATE runs SET artifact_uri = 'file://{world.outside}'")
    with pytest.raises(ValueError, match="artifacts must lie in"):
        read_study(world.here.tracking_uri, NAME, root=world.home / "mlartifacts")


def test_a_view_that_unpacks_to_a_gigabyte_is_replaced() -> None:
    bomb = "deflate;" + base64.b64encode(zlib.compress(b"[" * 50_000_000, 9)).decode()
    started = time.monotonic()
    with pytest.raises((ValueError, RecursionError)):
        unpacked(bomb)
    for before in (
        json.dumps({"createdAt": 1, "state": bomb}), "x" * 1_000_000, "[" * 100_000, json.dumps({"createdAt": "x"}),
        json.dumps({"createdAt": 1, "state": 7}), json.dumps({"createdAt": 1, "state": "deflate;x"}),
    ):  # fmt: skip
        assert json.loads(saved_view("kappa", [], 5, before))["name"] == VIEW_NAME
    assert time.monotonic() - started < 5


def test_the_page_of_mlflow_serves_no_artifacts_and_names_no_password(
    world: World, retina: Retina, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, object] = {}

    def become(file: str, command: list[str], environment: dict[str, str]) -> None:
        begun.update(command=command, environment=environment)

    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr("study.tracking.server.tell_once_up", lambda server, tell: tell(True))
    monkeypatch.setattr("study.tracking.server.is_free", lambda port: True)
    code, said = retina("ui", NAME, "--port", "5999")
    command, environment = begun["command"], begun["environment"]
    assert code == 0 and isinstance(command, list) and isinstance(environment, dict)
    secret = environment["MLFLOW_STATIC_PREFIX"]
    assert len(secret) == 33 and f"http://127.0.0.1:5999{secret}/#/experiments/" in said
    assert "--no-serve-artifacts" in command and "127.0.0.1" in command
    assert not [word for word in command if secret in word or "sqlite" in word]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == world.here.tracking_uri
    assert (world.home / ".ui-path").stat().st_mode & 0o777 == 0o600
    assert retina("ui", NAME, "--port", "5999")[0] == 0
    assert environment["MLFLOW_STATIC_PREFIX"] == secret  # the same the next time


@pytest.mark.parametrize(
    "uri",
    ["postgresql://u:{}@127.0.0.1:9/x", "postgresql://u:a/{}@127.0.0.1:9/x", "http://u:{}@127.0.0.1:9",
     "https://u:{}@127.0.0.1:9/p", "mysql+pymysql://u:{}@127.0.0.1:9/x", "postgresql://127.0.0.1:9/x?user=u&password={}",
     "ftp://u:{}@host"],
)  # fmt: skip
def test_a_password_stands_in_no_line(world: World, retina: Retina, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.replace("{}", "s3cretPW"))
    for arguments in (["status"], ["ui", NAME], ["delete", NAME, "--yes"]):
        try:
            code, said = retina(*arguments)
        except ModuleNotFoundError as error:  # no driver of that database is installed here
            code, said = 2, str(error)
        assert code in (0, 1, 2) and "s3cretPW" not in said
