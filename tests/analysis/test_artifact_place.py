"""Where artifacts lie: below the home of today, whatever address was stored."""

from pathlib import Path

import pytest

from analysis.artifact_place import artifact_folder, artifact_root, checked_folder, is_server
from analysis.errors import RunsError

ROOT = Path("/now/home/mlartifacts")


@pytest.mark.parametrize(
    ("stored", "root", "found"),
    [
        ("file:///then/home/mlartifacts/s/f00/artifacts", ROOT, "/now/home/mlartifacts/s/f00/artifacts"),
        ("/then/home/mlartifacts/s", ROOT, "/now/home/mlartifacts/s"),
        ("file:///then/a%20home/mlartifacts/s", ROOT, "/now/home/mlartifacts/s"),
        ("file:///mlartifacts/home/mlartifacts/s", ROOT, "/now/home/mlartifacts/s"),
        ("file:///then/home/mlartifacts/s", None, "/then/home/mlartifacts/s"),
        ("file:///elsewhere/mlruns/0", ROOT, "/elsewhere/mlruns/0"),
        ("file:///then/mlartifacts/../../etc", ROOT, None),
        ("file:///then/mlartifacts//etc", ROOT, None),
        ("file:///then/mlartifacts/s%00", ROOT, None),
        ("mlflow-artifacts:/1/f00/artifacts", ROOT, None),
        ("s3://bucket/mlartifacts/s", ROOT, None),
    ],
)
def test_artifact_folder(stored: str, root: Path | None, found: str | None) -> None:
    assert artifact_folder(stored, root) == (Path(found) if found else None)


def test_a_folder_of_our_own_store_is_taken(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    inside = tmp_path / "mlartifacts" / "a b" / "run"
    assert artifact_root(uri) == tmp_path and artifact_root("postgresql://db/x") is None
    assert checked_folder(inside.as_uri(), uri) == inside
    assert checked_folder(str(inside), "postgresql://db/x", tmp_path / "mlartifacts") == inside
    for elsewhere in ("mlflow-artifacts:/1/x/artifacts", "s3://bucket/x"):
        assert checked_folder(elsewhere, uri) is None
        assert checked_folder(elsewhere, "http://127.0.0.1:5000") is None
    assert is_server("https://host") and not is_server(uri)


@pytest.mark.parametrize(
    "place",
    ["file:///etc", "/etc", "file:///{home}/../x", "file://host/{home}/x", "file:///{home}-2/x", "{home}/out/x",
     "file:///{home}/%2e%2e/x", "\x1b[31m/x", "file:///{home}/%00", "file://[/x", "/x/mlartifacts/../..",
     "/x/mlartifacts//etc"],
)  # fmt: skip
def test_a_folder_elsewhere_is_refused(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "out").symlink_to(tmp_path)
    with pytest.raises(RunsError, match="artifacts must lie in .*home, but MLflow names") as caught:
        checked_folder(
            place.replace("{home}", str(home).lstrip("/") if "file" in place else str(home)), "sqlite:///x", home
        )
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("place", ["file:///etc", "/etc", "x", "", "FILE:///etc"])
def test_a_server_names_no_folder_of_this_machine(tmp_path: Path, place: str) -> None:
    with pytest.raises(RunsError, match="a server must keep artifacts itself"):
        checked_folder(place, "http://127.0.0.1:5000", tmp_path)
