"""retina_data.layouts.inventory: each file has one fate."""

from __future__ import annotations

from pathlib import Path

from retina_data.layouts.folder_tree import tree_of
from retina_data.layouts.inventory import Fate, Inventory, fates_of, inventory_of, unused_line

FILES = (
    "l.csv", "more.xlsx", "README", "used.png", "copy/used.jpg", "other.png", "odd/x.png", "bad.png", "eye.heic",
    "scan", "eye", "masks/used.png", ".x.png", ".y.png.icloud",
)  # fmt: skip
TREE = tree_of(Path("/data"), FILES, leftovers=[".DS_Store"], misnamed={"scan": ".dcm", "eye": ".jpg"})
FATES = fates_of(TREE, {"used.png"}, {"bad.png"}, ["l.csv"], ["odd/x.png"])


def test_each_file_has_one_fate() -> None:
    assert FATES == {
        Fate.PICTURE: ("used.png",), Fate.LABELS: ("l.csv",), Fate.NOT_LISTED: ("other.png",),
        Fate.SAME_NAME: ("copy/used.jpg",), Fate.UNKNOWN_FOLDER: ("odd/x.png",), Fate.UNGRADABLE: ("bad.png",),
        Fate.UNSUPPORTED: ("eye.heic", "scan"), Fate.MISNAMED: ("eye",), Fate.MADE: ("masks/used.png",),
        Fate.NOT_DOWNLOADED: (".y.png.icloud",), Fate.HIDDEN: (".x.png",), Fate.UNREAD_LABELS: ("more.xlsx",),
        Fate.LEFTOVER: (".DS_Store",),
        Fate.OTHER: ("README",),
    }  # fmt: skip
    assert set(FATES) == set(Fate)


def test_inventory_counts_and_names_nothing() -> None:
    inventory = inventory_of(FATES)
    assert isinstance(inventory, Inventory) and inventory.files == len(FILES) + 1
    assert inventory.used == {"used": 1, "read as label file": 1}
    assert inventory.unused_pictures == 10
    assert not any(name in repr(inventory) for name in (*FILES, ".DS_Store"))


def test_unused_pictures_and_label_files_are_one_line() -> None:
    line = unused_line(FATES, set())
    assert line.startswith("not used: 10 pictures (1 not listed in the labels, 1 same name as") and "\n" not in line
    assert line.endswith("), 1 label file") and not unused_line(FATES, {"more.xlsx"}).endswith("label file")
    assert unused_line({Fate.PICTURE: ("a.png",), Fate.OTHER: ("README",)}, set()) == ""
