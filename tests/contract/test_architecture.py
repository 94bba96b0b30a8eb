"""docs/architecture.md draws the table of tests/test_imports.py; `-m tests.contract.test_architecture` draws it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_imports import MAY_IMPORT, PACKAGES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
DRAWN = re.compile(r"```mermaid\n.*?```", re.DOTALL)


def _below(entry: str) -> set[str]:
    """Everything that an entry reaches over one arrow or more."""
    found = set(MAY_IMPORT[entry])
    for one in MAY_IMPORT[entry]:
        found |= _below(one)
    return found


def _arrows() -> list[tuple[str, str]]:
    """Arrows that do not follow from others."""
    arrows = []
    for entry, allowed in MAY_IMPORT.items():
        follow = set().union(*(_below(one) for one in allowed))
        arrows += [(entry, one) for one in sorted(set(allowed) - follow)]
    return arrows


def _node(entry: str) -> str:
    return entry.replace(".", "_")


def picture() -> str:
    """The table as a Mermaid chart: a box for each package, in it its sub-packages and modules."""
    lines = ["```mermaid", "graph TD"]
    for package in reversed(PACKAGES):
        lines.append(f"  subgraph {package}")
        inside = [entry for entry in MAY_IMPORT if entry.startswith(f"{package}.")]
        lines += [f'    {_node(entry)}["{entry.removeprefix(package + ".")}"]' for entry in inside]
        lines.append("  end")
    lines += [f"  {_node(above)} --> {_node(below)}" for above, below in _arrows() if above not in PACKAGES]
    return "\n".join([*lines, "```"])


def test_architecture_page_draws_the_table_of_imports() -> None:
    [drawn] = DRAWN.findall(PAGE.read_text())
    assert drawn == picture(), "the table changed: call `python -m tests.contract.test_architecture`"


def test_architecture_page_describes_every_sub_package() -> None:
    text = PAGE.read_text()
    for entry in MAY_IMPORT:
        if "." in entry and (ROOT / entry.replace(".", "/")).is_dir():
            assert f"| `{entry.replace('.', '/')}/` |" in text, entry


if __name__ == "__main__":
    PAGE.write_text(DRAWN.sub(picture(), PAGE.read_text()))
