"""Folders that hold the images of one collection twice: a version, a download, a second division into splits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from retina_data.layouts.patients.copies import ImageName

_FEW = 10
"""Folders: more that share names are no versions. Names: a patient's folder has no more."""


class _Tree(NamedTuple):
    """A collection, or what of its names stands there once more."""

    folder: str
    time: int


class _Name(NamedTuple):
    """What two images of one eye have in common."""

    stem: str
    eye: str
    visit: str
    view: str


def one_tree(read: list[ImageName], made: Sequence[bool]) -> list[ImageName]:
    """Names in the folder of the largest of the folders that hold the same ones; in the others they are of copies.

    made: whether the folder's name says copies. Folders hold the same names where nearly all of one stand in the other,
    and these are drawn and long, so that no two collections have them by chance; or where one has copies alone, and no
    name of its own that may be a clinic's.
    """
    names = [_Name(one.stem, one.eye, one.visit, one.view) for one in read]
    if len(set(names)) == len(names):
        return read
    places: dict[_Name, set[_Tree]] = defaultdict(set)
    trees, times = [], Counter[tuple[str, _Name]]()
    for one, name in zip(read, names, strict=True):
        tree = _Tree(one.folder, 0 if one.copy else times[one.folder, name])
        times[one.folder, name] += not one.copy
        trees.append(tree)
        if one.stem:
            places[name].add(tree)
    if max(map(len, places.values()), default=0) < 2:
        return read
    sizes = Counter(tree for found in places.values() for tree in found)
    originals = {tree for one, tree, copy in zip(read, trees, made, strict=True) if not (copy or one.copy)}
    root = _roots(places, sizes, originals)
    first: dict[tuple[_Tree, _Name], _Tree] = {}
    for name, found in places.items():
        for tree in sorted(found & root.keys(), key=lambda tree: (tree not in originals, -sizes[tree], tree)):
            first.setdefault((root[tree], name), tree)
    return [
        replace(one, folder=root[tree].folder, copy=one.copy or first.get((root[tree], name), tree) != tree)
        if tree in root
        else one
        for one, name, tree in zip(read, names, trees, strict=True)
    ]


def _roots(places: Mapping[_Name, set[_Tree]], sizes: Mapping[_Tree, int], originals: set[_Tree]) -> dict[_Tree, _Tree]:
    """Tree -> the first of those that hold the same names; trees that are alone are left out."""
    shared: dict[tuple[_Tree, _Tree], list[str]] = defaultdict(list)
    for name, found in places.items():
        if 1 < len(found) <= _FEW:
            for pair in combinations(sorted(found), 2):
                shared[pair].append(name.stem)
    nearly = {pair: stems for pair, stems in shared.items() if 10 * len(stems) >= 9 * min(sizes[one] for one in pair)}
    of_copies: dict[_Tree, list[_Tree]] = defaultdict(list)
    for (one, other), stems in nearly.items():
        for copies, tree in ((one, other), (other, one)):
            nameless = not copies.folder or tree.folder.startswith(f"{copies.folder}/")
            if nameless and copies not in originals and tree in originals and 10 * len(stems) >= 9 * sizes[copies]:
                of_copies[copies].append(tree)
    pairs = [pair for pair, stems in nearly.items() if _drawn(stems, pair[0].folder == pair[1].folder)]
    pairs += [(tree, found[0]) for tree, found in of_copies.items() if len(found) == 1 and sizes[tree] >= _FEW]
    root: dict[_Tree, _Tree] = {}
    for pair in pairs:
        merged = {root.get(tree, tree) for tree in pair}
        best = min(merged, key=lambda tree: (tree not in originals, -sizes[tree], tree))
        root |= {tree: best for tree in [*root, *pair] if root.get(tree, tree) in merged}
    return root


def _drawn(stems: Sequence[str], same_folder: bool) -> bool:
    """Whether many of the names are drawn, as `0a24e8d62c13` is: their letters and digits change places."""
    drawn = [stem for stem in stems if len(stem) >= 8 and len(re.findall(r"\d+|[^\W\d_]+", stem)) > 2]
    forms = {re.sub(r"\d+", "0", stem) for stem in drawn}
    return len(drawn) >= max(_FEW, len(stems) / 2 if same_folder else 0) and 2 * len(forms) >= len(drawn)
