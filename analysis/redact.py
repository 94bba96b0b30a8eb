"""A backstop for texts of other libraries: what is passed on names no folder, as that names a user, and no password.

Our own messages name a file without its folder. Where in another's text a path ends nobody knows, as names hold blanks;
so it is cut up to the last slash of the line, or of the quotes it stands in: rather a word too many than a name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SCHEMES = (
    "http", "https", "ftp", "tcp", "ray", "s3", "gs", "hdfs", "dbfs", "wasbs", "abfss", "mlflow-artifacts", "sqlite",
    "postgresql", "psycopg2", "mysql", "pymysql", "mssql",
)  # fmt: skip
_AFTER_SCHEME = "|".join(f"(?<={scheme}:)" for scheme in _SCHEMES)

# "/x", "~jane/x", "C:\x" or "\\host\x", also after a "\n" of repr() or "error:"; not "a/b", "./a", "**/*", "1 / 2",
# "http://host"
_ROOT = (
    rf"(?:(?i:(?<![a-z])file:/+)|(?:(?<![\w.*~/\\])|(?<=\\[nrt]))(?!(?i:{_AFTER_SCHEME})//[^/])"
    r"""(?:[A-Za-z]:[/\\]|\\\\|~[\w.-]*[/\\]|/)[/\\]*(?![\s*'"`]))"""
)

_REST = r"""(?:(?:(?!['"`](?!\w)|\w://).)*[/\\](?=[^\s/\\'"`]))?"""

_USER_NAME = r"(?P<user>(?i:(?<=[/\\]home[/\\])|(?<=[/\\]users[/\\]))[\w.-]*\w)?"

_FOLDERS = re.compile(_ROOT + _REST + _USER_NAME)

_LOGIN = re.compile(r"//(?:[^/:@\s]*:\S*@|[^/\s]*@)")
"""User and password before a host; a password of a database may hold a slash."""

_QUERY = re.compile(r"(?i)([?&](?:password|passwd|pwd|token)=)[^&\s'\"]*")


def without_folders(text: str, known: Path | None = None) -> str:
    """The text with absolute paths cut to their last name, those in the folder `known` to what follows it."""
    if "/" not in text and "\\" not in text:
        return text
    if known:
        text = text.replace(f"{known}/", "")
    home = os.path.expanduser("~")
    if home.count("/") > 1:  # not /root, which names nobody
        text = text.replace(home, "~")
    while (cut := _FOLDERS.sub(lambda found: "~" if found["user"] else "", text)) != text:
        text = cut
    return text


def shareable(value: Any) -> Any:
    """The same structure of mappings and lists, its texts without folders."""
    if isinstance(value, Mapping):
        return {str(key): shareable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shareable(one) for one in value]
    return without_folders(value) if isinstance(value, str) else value


def without_passwords(text: str, instead: str = "***@") -> str:
    """The text with user and password of each address replaced."""
    return _QUERY.sub(r"\1***", _LOGIN.sub(f"//{instead}", text))
