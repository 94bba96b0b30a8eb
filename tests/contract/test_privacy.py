"""What is passed on names no patient, no user and no place: each is planted in the inputs and looked for everywhere.

Local to the home and left out here, as the README says: study.yaml, the cache, Ray's own state, the marks of the last
sending and of the last crash, and MLflow's two columns of locations.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import matplotlib
import pyarrow.parquet as pq
import pytest
from PIL import Image

from retina_models.imagenet import imagenet_file
from retina_models.resnet import resnet18
from retina_models.weights import save_weights
from study.tracking.saved_view import VIEW_TAG, unpacked
from tests.fixtures.command import run
from tests.fixtures.study import small_data

pytestmark = pytest.mark.slow

NAME = "eyes"
NUMBER, PATIENT, ARTIST, COMMENT, USER, PLACE, SURNAME = (
    "773104581", "marlowehq", "drfeelgoodzz", "vonnegutqq", "zebulonqx", "q7secretplace", "w8lastname",
)  # fmt: skip
PLANTED = {
    "number from a file's name": NUMBER,
    "file's name": PATIENT,
    "EXIF artist": ARTIST,
    "EXIF comment": COMMENT,
    "user": USER,
    "path": PLACE,
    "path after a blank": SURNAME,
}
LOCAL = ("study.yaml", "synced", "error.txt", "lock", "ray")
LOCATIONS = (("experiments", "artifact_location"), ("runs", "artifact_uri"))
OWN_TAGS = {"mlflow.parentRunId", "mlflow.runName", "mlflow.note.content", "mlflow.loggedImages", VIEW_TAG}


def _planted_data(folder: Path) -> Path:
    """A small data set whose names and EXIF say what nobody may read later; two patients have a name for a number."""
    small_data(folder, patients=30)
    names: dict[str, str] = {}
    for path in sorted((folder / "images").iterdir()):
        number, eye = path.stem.split("_")
        names[path.stem] = f"{PATIENT}{number}" if int(number) % 7 == 0 else f"{NUMBER}{number}_{eye}"
        if int(number) % 7 == 0 and eye == "right":
            names[path.stem] += "b"
        exif = Image.Exif()
        exif[0x013B], exif[0x010E], exif[0x9C9C] = ARTIST, f"patient {COMMENT}", COMMENT.encode("utf-16-le")
        with Image.open(path) as image:
            image.save(path.with_name(f"{names[path.stem]}.jpeg"), exif=exif, comment=COMMENT.encode(), quality=95)
        path.unlink()
    for part in ("train", "test"):
        file = folder / f"{part}_img.csv"
        file.write_text("".join(f"{names[name]}\n" for name in file.read_text().split()))
    return folder


class Home:
    """A home in which everything has been done with the planted data."""

    def __init__(self, folder: Path) -> None:
        self.home, place, user_home = folder / "home", folder / f"{PLACE} {SURNAME}", folder / f"{USER} {SURNAME}"
        self.out = folder / "out"
        self.data = _planted_data(place / "data")
        weights = place / "source.safetensors"
        save_weights(weights, resnet18(seed=7).state_dict(), {"architecture": "resnet18"})
        damaged = place / "torch" / "hub" / "checkpoints" / imagenet_file("resnet50").name
        damaged.parent.mkdir(parents=True)
        damaged.write_bytes(b"damaged")  # an arm is left out, for a reason that names this file
        outside = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
        user = dict.fromkeys(("USER", "LOGNAME", "LNAME", "USERNAME", "GIT_AUTHOR_NAME"), USER)
        self.environment = outside | user | {
            "HOME": str(user_home), "RETINA_HOME": str(self.home), "MPLCONFIGDIR": matplotlib.get_configdir(),
            "TORCH_HOME": str(place / "torch"),
        }  # fmt: skip
        user_home.mkdir()
        small = ["--trials", "3", "--epochs", "1", "--image-size", "32", "--weights", f"resnet18={weights}"]
        self.run("search", NAME, "--data", str(self.data), *small)
        self.run("confirm", NAME, "--seeds", "1")
        self.run("report", NAME)
        self.run("export", NAME, "--out", str(self.out / "model"))

    def run(self, *arguments: str) -> None:
        done = run(self.environment, *arguments, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr

    def shared_files(self) -> Iterator[Path]:
        """All files of the home but the local ones, and what was written outside it."""
        local = [self.home / NAME / name for name in LOCAL] + [self.home / "cache", self.home / "mlflow.db"]
        for path in sorted([*self.home.rglob("*"), *self.out.rglob("*")]):
            if path.is_file() and not any(path == one or one in path.parents for one in local):
                yield path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("privacy"))


def _texts(data: bytes, name: str) -> Iterator[bytes]:
    """A file's bytes, and what is packed in them: parquet, PNG's words, EXIF, archives, pictures in a page."""
    yield data
    if data[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(data))
        yield repr(table.schema.metadata).encode()
        yield table.to_pandas().to_csv().encode()
    elif data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from (member.encode(), *_texts(archive.read(member), member))
    elif Path(name).suffix in (".png", ".webp", ".jpeg", ".jpg"):
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            yield repr((image.info, dict(image.getexif()))).encode()
    for packed in re.findall(rb"data:image/(\w+)[^,]*;base64,([A-Za-z0-9+/=]+)", data):
        yield from _texts(base64.b64decode(packed[1]), f"in.{packed[0].decode()}")


def _found(data: bytes, name: str) -> list[str]:
    """What of the planted stands in a file, also as UTF-16, which is how EXIF writes it."""
    texts = [text.lower() for text in _texts(data, name)]
    words = {what: (word.encode(), word.encode("utf-16-le")) for what, word in PLANTED.items()}
    return [what for what, forms in words.items() if any(form in text for form in forms for text in texts)]


def test_the_search_for_words_finds_what_is_there(home: Home, tmp_path: Path) -> None:
    """Each way in which something could hide is one in which it is found."""
    photograph = next((home.data / "images").glob(f"{NUMBER}*"))
    assert {"EXIF artist", "EXIF comment"} <= set(_found(photograph.read_bytes(), photograph.name))
    (cache,) = (home.home / "cache").glob("*-32-fov")
    assert {"number from a file's name", "file's name", "path", "path after a blank"} <= set(
        _found((cache / "table.parquet").read_bytes(), "table.parquet")
    )
    page = b'<img src="data:image/jpeg;base64,' + base64.b64encode(photograph.read_bytes()) + b'">'
    assert "EXIF artist" in _found(page, "page.html")
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.txt", USER)
    assert _found(archive.read_bytes(), "a.zip") == ["user"]


def test_no_file_that_is_passed_on_holds_any_of_it(home: Home) -> None:
    files = list(home.shared_files())
    kinds = {path.suffix for path in files}
    assert {".json", ".parquet", ".png", ".svg", ".html", ".csv", ".webp", ".safetensors", ".jsonl", ".onnx"} <= kinds
    found = {str(path.relative_to(home.home.parent)): _found(path.read_bytes(), path.name) for path in files}
    assert {path: what for path, what in found.items() if what} == {}
    named = [str(path) for path in files if any(word in path.name.lower() for word in PLANTED.values())]
    assert named == []


def test_a_reason_that_named_a_file_was_recorded(home: Home) -> None:
    """Else nothing above would have had a folder to leave out."""
    began = json.loads((home.home / NAME / "ledger.jsonl").read_text().splitlines()[0])
    assert began["not_run"]["resnet50-pretrained"].startswith(f"{imagenet_file('resnet50').name} is damaged")


def test_mlflows_database_holds_none_of_it_but_for_locations(home: Home) -> None:
    """Every column of every table: tags, parameters, metrics, data sets, notes, whatever else MLflow keeps."""
    seen = 0
    with closing(sqlite3.connect(home.home / "mlflow.db")) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
            kept = [column for column in columns if (table, column) not in LOCATIONS]
            for row in database.execute(f"select {', '.join(kept)} from {table}" if kept else "select 1"):
                seen += 1
                assert _found(repr(row).encode(), "row") == [], (table, row)
        views = database.execute("select value from experiment_tags where key = ?", (VIEW_TAG,)).fetchall()
    assert seen > 200
    assert views and all(_found(repr(unpacked(json.loads(view)["state"])).encode(), "view") == [] for (view,) in views)


def test_mlflow_adds_no_tag_of_its_own(home: Home) -> None:
    """It would name user, command and repository (mlflow.user, mlflow.source.name, mlflow.source.git.commit)."""
    with closing(sqlite3.connect(home.home / "mlflow.db")) as database:
        tags = {row[0] for table in ("tags", "experiment_tags") for row in database.execute(f"select key from {table}")}
        users = {row[0] for row in database.execute("select user_id from runs")}
    assert {tag for tag in tags if tag.startswith("mlflow.")} <= OWN_TAGS
    assert users <= {"unknown", "", None}


def test_what_is_deleted_leaves_nothing_readable_in_the_home(home: Home, tmp_path: Path) -> None:
    copy = shutil.copytree(home.home, tmp_path / "home", ignore=shutil.ignore_patterns("ray"))
    done = run(home.environment, "delete", NAME, "--yes", "--home", copy, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (copy / NAME).exists() and not list((copy / "cache").glob("*-32-fov"))
