"""Commands about studies: where there is none, and what is asked before one is deleted."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from study.cli import studies
from study.storage.home import Home
from study.storage.lock import locked
from study.tracking.server import server_error
from study.tracking.sync_marker import mark_synced
from tests.fixtures.command import refused, retina, run
from tests.study.workflows.test_delete import write_home_study


def test_a_home_without_studies_is_no_error(tmp_path: Path) -> None:
    done = retina(tmp_path, "status")
    assert done.returncode == 0
    assert "no studies in" in done.stdout
    assert not any(tmp_path.iterdir())
    assert "study none must exist" in refused(tmp_path, "status", "none")
    assert "retina search" in refused(tmp_path, "ui")
    assert "study none must exist" in refused(tmp_path, "delete", "none", "--yes")


UI = """
import http.server, sys, time, types
from pathlib import Path
from study.cli import studies
made = types.SimpleNamespace
sys.modules["study.tracking.experiment_page"] = made(links=lambda uri, name, server: [server + "/view"], serves=None)
def become(file, command, environment):
    print("begun", command[command.index("--port") + 1], flush=True)
    time.sleep(0.5)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
studies.os.execve = become
studies.ui("eyes", int(sys.argv[1]), Path(sys.argv[2]))
"""


def test_the_link_is_printed_once_the_server_answers(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-c", UI, str(port), str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        late = threading.Timer(60, process.kill)
        late.start()
        try:
            assert process.stdout
            lines = [process.stdout.readline().strip() for _ in range(3)]
            answers = not server_error(f"http://127.0.0.1:{port}")
        finally:
            late.cancel()
            process.kill()
    link = f"open http://127.0.0.1:{port}/{(tmp_path / '.ui-path').read_text()}/view"
    assert lines == ["starting MLflow ... (stop with Ctrl-C)", f"begun {port}", link]
    assert answers


def test_the_status_is_told_before_mlflow_is_asked_but_for_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(studies, "sync_pending", lambda *_, **__: told.append(capsys.readouterr().out))
    (tmp_path / "eyes").mkdir()
    (tmp_path / "eyes" / "ledger.jsonl").write_text('{"event":"study"\n')
    studies.status(home=tmp_path)
    assert "eyes" in told[0]
    with pytest.raises(SystemExit) as ended:
        studies.status("eyes", sync=True, home=tmp_path)
    assert (told[1], ended.value.code) == ("", 1)
    assert "--watch or --json must be given" in refused(tmp_path / "none", "status", "--watch", "--json")


def test_a_damaged_study_is_named_and_the_command_fails(tmp_path: Path) -> None:
    for name, text in (("a", "{broken\n{}\n"), ("b", '{"event":"study"}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ledger.jsonl").write_text(text)
        mark_synced(tmp_path / name, f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tmp_path / "mlflow.db").touch()
    done = retina(tmp_path, "status")
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["a is damaged", "b is damaged"]
    assert done.stderr == ""


def test_a_report_of_no_study_says_what_to_do(tmp_path: Path) -> None:
    assert "run `retina search none` first" in refused(tmp_path, "report", "none")


@pytest.mark.parametrize(("answer", "goes"), [("n\n", False), ("", False), ("y\n", True)])
def test_a_study_is_deleted_once_that_is_agreed(tmp_path: Path, answer: str, goes: bool) -> None:
    here = Home(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", (tmp_path / "mlartifacts").as_uri())
    folder = write_home_study(here, "eyes", sent=False)
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    done = run(environment | {"RETINA_HOME": str(tmp_path)}, "delete", "eyes", answer=answer)
    assert done.returncode == (0 if goes else 1), done.stderr
    assert f"folder {folder}: 3 MB" in done.stdout and "Delete this for good?" in done.stdout
    assert ("deleted: study eyes" if goes else "nothing was deleted") in done.stdout
    assert folder.exists() != goes


def test_a_study_that_is_written_is_not_deleted(tmp_path: Path) -> None:
    here = Home(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", None)
    folder = write_home_study(here, "eyes", sent=False)
    with locked(folder):
        done = retina(tmp_path, "delete", "eyes", "--yes")
    assert done.returncode == 75 and "is being written by process" in done.stderr
    assert (folder / "ledger.jsonl").exists()
    assert retina(tmp_path, "delete", "eyes", "--yes").returncode == 0
    assert not folder.exists()
