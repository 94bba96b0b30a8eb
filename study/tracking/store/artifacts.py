"""The artifacts of a study's runs: in the home, wherever MLflow believes them to be, or handed to a server."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.artifact_place import checked_folder
from retina_data.files import write_whole
from retina_data.gate import below, check_links

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment


class RunArtifacts:
    """What is written beside the runs of one experiment."""

    def __init__(self, client: MlflowClient, experiment: Experiment, root: Path | None) -> None:
        """root: the home's folder of artifacts; None where a server keeps them."""
        self._client = client
        place, uri = experiment.artifact_location, client.tracking_uri
        self._folder = checked_folder(place, uri, root) if root else None

    def folder(self, run: str) -> Path | None:
        """Folder of a run's artifacts; None where a server keeps them. Raises DataError for one elsewhere."""
        return below(self._folder, run, "artifacts") if self._folder else None

    def lacks(self, run: str, name: str) -> bool:
        """Whether a run's artifact is gone, as far as can be seen here."""
        folder = self.folder(run)
        return folder is not None and not (folder / name).is_file()

    def add_files(self, run: str, source: Path, inner: str = "") -> None:
        """Add a file, or all files of a folder, to a folder of the run."""
        folder = self.folder(run)
        if folder is None:
            add = self._client.log_artifacts if source.is_dir() else self._client.log_artifact
            add(run, str(source), inner or None)
            return
        target = below(folder, *inner.split("/")) if inner else folder
        if source.is_dir():
            if target.exists():
                check_links(target)
            for file in source.rglob("*"):  # without modes and times, which only a folder's owner may set
                copy = target / file.relative_to(source)
                if file.is_file():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copy)
        else:
            write_whole(target / source.name, source.read_bytes())

    def add_json(self, run: str, values: dict[str, Any], name: str) -> None:
        """Add values as a JSON file."""
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, Path(name).name)
            file.write_text(json.dumps(values, indent=2))
            inner = str(Path(name).parent)
            self.add_files(run, file, "" if inner == "." else inner)
