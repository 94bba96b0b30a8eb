"""Texts as they may be passed on: without folders, which name people and machines, and without passwords."""

from __future__ import annotations

import re
from pathlib import Path

_SEPARATOR = r"[/\\]+(?:(?<=\\) )?"  # a shell writes a blank as "\ "

_CHAR = r"""(?:[^\s/\\'"`:,;=]|(?<=\w)'(?=\w)|[:,;=](?![\s/\\]))"""

_SUFFIXES = (
    r"bmp|ckpt|csv|db|gif|gz|html|jpe?g|jsonl?|lock|log|md|np[yz]|onnx|parquet|pdf|png|pth?|pt2|py|safetensors|so|svg"
    r"|tar|tiff?|toml|tsv|txt|webp|xlsx?|ya?ml|zip"
)

# Folders' names may hold blanks. A file's name ends a path, and so does what follows a blank as no folder's name would:
# a word of a sentence, a flag, another path.
_WORD = rf"(?![^\s/\\]*\.(?i:{_SUFFIXES})[^\w\s/\\]*\s){_CHAR}+"

_OTHER = r"(?:but|cannot|does|has|is|must|was)\s|--|\.\.?[/\\]|~[\w.-]*[/\\]"

_FOLDER = rf"{_WORD}(?:,?[^\S\r\n]+(?!{_OTHER}){_WORD}){{0,9}}(?=[/\\])"

_PATH = rf"(?:{_SEPARATOR}{_FOLDER})*{_SEPARATOR}{_CHAR}+"

_FILE_URL = r"(?i:(?<![a-z])file:)(?://[\w.-]*)?(?:/+(?=~|[A-Za-z]:[/\\]))?"

# Not within a relative path, and no "**/*"; what stands before "\n", as repr() writes it, does not matter.
_ROOT = rf"(?:{_FILE_URL}|(?<![\w.~/\\])|(?<=\\[nrt]))(?:[A-Za-z]:|~[\w.-]*)?(?=[/\\](?!\*))"

_HOST = r"""(?:[^\s/@'"`]*@)?(?:\[[\da-fA-F:.]+\]|[\w.-]+)(?::\d+)?"""

# By name, as "error://server/share" is none.
_SCHEME = r"(?i:https?|wss?|ftps?|s3a?|gs|ray|grpc|mlflow-artifacts|(?:postgresql|mysql|mssql)(?:\+\w+)?)"

_URL = rf"(?<![\w+-]){_SCHEME}://{_HOST}(?:/[\w.~%+@!$&*-]*)*"

_FOUND = re.compile(
    rf"""(?P<quote>['"`]){_ROOT}(?P<quoted>[/\\][^\n]*?)(?P=quote)(?![\w/\\])"""
    rf"|{_ROOT}(?P<path>{_PATH})|(?P<url>{_URL})"
)

_OF_USERS = ("home", "users")  # a folder right in one of these is called as its user is

_USER = re.compile(r"//[^/\s]*@")


def without_folders(text: str, *known: Path) -> str:
    """The text with each absolute path cut to its last name: what is passed on names no user and no machine.

    A path whose folders hold blanks ends with its quote; unquoted, with its last slash before a sentence goes on.
    known: folders that may stand in it; what lies in them keeps its path from there.
    """
    for folder in known:
        text = text.replace(f"{folder}/", "")
    text = _without_home(text)
    while (cut := _FOUND.sub(_last_name, text)) != text:  # each pass shortens it; a second one is for odd texts
        text = cut
    return text


def without_passwords(text: str, instead: str = "***@") -> str:
    """The text with user and password of each address replaced."""
    return _USER.sub(f"//{instead}", text)


def _without_home(text: str) -> str:
    """The text with the home of who runs this as `~`, wherever it stands: only so is known where its name ends."""
    try:
        names = [re.escape(name) for name in str(Path.home()).split("/") if name]
    except RuntimeError:  # nobody's
        return text
    if len(names) < 2:  # such as /root, which names nobody
        return text
    home = r"[/\\]+".join(names)
    return re.sub(rf"(?<!:/)[/\\]{home}(?![\w.-])", "~", text)


def _last_name(found: re.Match[str]) -> str:
    if found["url"]:
        return found[0]
    quote, path = found["quote"] or "", found["quoted"] or found["path"]
    names = [name for name in re.split(_SEPARATOR, path) if name]
    last = names[-1] if names else path
    if len(names) == 2 and names[0].lower() in _OF_USERS:
        last = re.sub(r".*\w", "~", last)
    return f"{quote}{last}{quote}"
