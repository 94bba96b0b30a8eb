"""Where artifacts lie: below the home of today, whatever address was stored."""

from pathlib import Path

import pytest

from analysis.artifact_place import artifact_folder

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
        ("mlflow-artifacts:/1/f00/artifacts", ROOT, None),
        ("s3://bucket/mlartifacts/s", ROOT, None),
    ],
)
def test_artifact_folder(stored: str, root: Path | None, found: str | None) -> None:
    assert artifact_folder(stored, root) == (Path(found) if found else None)
