"""Links that somebody put into a home: nothing outside it is read into MLflow, written, or removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from study.storage.lock import locked
from study.workflows import delete
from tests.security.conftest import NAME, OTHER, Retina, World

LINKS = {
    "eyes": "outside/home2/eyes",
    "eyes/ledger.jsonl": "outside/ledger.jsonl",
    "eyes/lock": "outside/precious.txt",
    "eyes/synced": "outside/precious.txt",
    "eyes/study.yaml": "outside/precious.txt",
    "eyes/error.txt": "outside/precious.txt",
    "eyes/checkpoints": "outside",
    "eyes/checkpoints/0000": "outside/0000",
    "eyes/checkpoints/0000/best.safetensors": "outside/precious.txt",
    "eyes/checkpoints/0000/predictions.parquet": "outside/precious.txt",
    "eyes/weights": "outside/x",
    "eyes/report": "outside/x",
    "eyes/report/figures": "outside/x",
    "eyes/report/report.html": "outside/precious.txt",
    "eyes/ray": "outside/x",
    "mlflow.db": "outside/mlflow.db",
    "mlartifacts": "outside/mlartifacts",
    "mlartifacts/eyes": "outside/mlartifacts/eyes",
    "cache": "outside/cache",
    "cache/dddddddddddddddd-32-fov": "outside/x",
    ".ui-path": "outside/precious.txt",
    "link": "outside/home2/eyes",
}


@pytest.mark.parametrize(("link", "target"), LINKS.items(), ids=LINKS.keys())
def test_a_link_out_of_the_home_is_not_followed(world: World, retina: Retina, link: str, target: str) -> None:
    """Each command that reads or writes a study answers, in one line where it refuses, and touches nothing outside."""
    path, elsewhere = world.home / link, world.root / target
    shutil.copy(world.study / "ledger.jsonl", world.outside / "ledger.jsonl")
    shutil.copy(world.study / "ledger.jsonl", world.outside / "home2" / "eyes" / "ledger.jsonl")
    for whole in ("mlflow.db", "mlartifacts", "cache"):  # as they were, so that the link seems to work
        source = world.home / whole
        shutil.copytree(source, world.outside / whole) if source.is_dir() else shutil.copy(source, world.outside)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    before = world.canary()
    (world.home / OTHER / "synced").unlink()
    report = [["report", NAME]] if "report" in link else []  # it takes seconds
    for arguments in (["status"], ["status", NAME, "--sync"], *report, ["delete", NAME, "--yes"]):
        code, said = retina(*arguments)
        assert code in (0, 1, 2) and "precious" not in said.replace("precious.txt", "")
        assert world.canary() == before, arguments
    assert path.is_symlink() or not path.exists() or link.startswith(("eyes/", ".ui"))
    assert (world.home / OTHER / "ledger.jsonl").exists()
    copied = [file for file in (world.home / "mlartifacts").rglob("*") if file.is_file() and not file.is_symlink()]
    assert not any(b"precious" in file.read_bytes() for file in copied) or link == "mlartifacts"


def test_a_study_that_changed_after_the_question_is_not_deleted(world: World) -> None:
    found = delete.find(NAME, world.here)
    shutil.rmtree(world.study)
    shutil.copytree(world.home / OTHER, world.study)
    with pytest.raises(ValueError, match="holds another one by now; nothing was deleted"):
        delete.remove(found, world.here)
    assert (world.study / "ledger.jsonl").exists()


@pytest.mark.parametrize("swapped", [NAME, f"{NAME}/checkpoints", "cache", "cache/dddddddddddddddd-32-fov"])
def test_a_link_that_is_put_there_after_the_question(world: World, swapped: str) -> None:
    """Between what was listed and its removal somebody puts a link in its place."""
    shutil.rmtree(world.home / OTHER)  # else the cache is kept for it
    found = delete.find(NAME, world.here)
    assert found.caches
    before = world.canary()
    (world.home / swapped).rename(world.home / "moved")
    (world.home / swapped).symlink_to(world.outside)
    with pytest.raises((ValueError, OSError)):
        delete.remove(found, world.here)
    assert world.canary() == before


def test_a_link_that_is_put_there_while_mlflow_forgets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment: the lock is held, MLflow has forgotten, and the folders are about to go."""
    before, real = world.canary(), delete.remove_study

    def swap(root: Path, folder: Path) -> None:
        folder.rename(root / "moved")
        folder.symlink_to(world.outside)
        real(root, folder)

    monkeypatch.setattr(delete, "remove_study", swap)
    with pytest.raises(ValueError, match="must be a folder and no link"):
        delete.remove(delete.find(NAME, world.here), world.here)
    assert world.canary() == before


def test_a_delete_that_is_ended_within_is_done_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is the last to go: until then the study is found by its name."""
    with monkeypatch.context() as patch:
        patch.setattr(delete, "remove_study", lambda root, folder: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            delete.remove(delete.find(NAME, world.here), world.here)
    assert (world.study / "ledger.jsonl").exists()
    assert delete.remove(delete.find(NAME, world.here), world.here) == [f"deleted: study {NAME}"]
    assert not world.study.exists()


def test_what_goes_is_listed_with_its_whole_path(world: World) -> None:
    shutil.rmtree(world.home / OTHER)
    (world.study / "mine.txt").write_text("mine")
    lines = "\n".join(delete.find(NAME, world.here).lines())
    for path in (world.study, world.home / "cache" / "dddddddddddddddd-32-fov", world.home / "mlartifacts" / NAME):
        assert str(path) in lines
    assert f"stays: {world.study / 'mine.txt'}, which is not the study's" in lines


def test_a_lock_is_taken_in_a_folder_of_the_home_alone(world: World) -> None:
    before = world.canary()
    (world.home / "link").symlink_to(world.outside)
    with pytest.raises(ValueError, match="is a link that leads to"), locked(world.home / "link"):
        pass
    assert world.canary() == before
