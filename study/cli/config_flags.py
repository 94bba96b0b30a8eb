"""Flags of the command line made from configuration fields: name, type, bounds and help stand once, on the field."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.config.trial import AUTO, FOLLOWS_DEVICE

SIMPLE = (bool, int, float, str)


def field_flags(
    model: type[BaseModel], panel: str, searched: Collection[str] = (), panels: Mapping[str, str] | None = None
) -> list[inspect.Parameter]:
    """One optional flag for each plain field of a model; None means that it was not given.

    panel: of the help; panels: of single fields that stand in another one. searched: fields whose value is searched
    where none is given.

    Values are checked by the model, not here, so that a flag and a line of YAML give the same message.
    """
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(name, field, (panels or {}).get(name, panel), searched),
        )
        for name, field in model.model_fields.items()
        if _kind(field) in SIMPLE or get_origin(field.annotation) is Literal
    ]


def _kind(field: FieldInfo) -> Any:
    """Type of a field; of one that may be None the other type."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    optional = type(None) in get_args(field.annotation)
    return kinds[0] if optional and len(kinds) == 1 else field.annotation


def _annotation(name: str, field: FieldInfo, panel: str, searched: Collection[str]) -> Any:
    kind: Any = _kind(field)
    if get_origin(kind) is Literal:
        open_too = [AUTO] if name in FOLLOWS_DEVICE else []
        choices = ", ".join([*open_too, *map(str, get_args(kind))])
        text, kind = f"{field.description}: {choices}", type(get_args(kind)[0])
    else:
        text = ", ".join([str(field.description), *_bounds(field)])
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    default = "searched" if name in searched else AUTO if name in FOLLOWS_DEVICE else field.default
    option = typer.Option(
        flag, help=text, rich_help_panel=panel, show_default=False if default is None else str(default)
    )
    return Annotated[kind | None, option]


def _bounds(field: FieldInfo) -> list[str]:
    """What pydantic holds a number to, as a person writes it."""
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return [
        f"{sign} {getattr(rule, name):,}"
        for rule in field.metadata
        for name, sign in signs.items()
        if hasattr(rule, name)
    ]


def with_flags(flags: Iterable[inspect.Parameter]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command `f(..., **values)`: the flags become part of its signature, typer sees them as its own."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = typing.get_type_hints(command, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in inspect.signature(command).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        # Where two share a name (a study's seed, a trial's seed) the first stands; the command's own before all.
        merged = {parameter.name: parameter for parameter in reversed([*keyword_only, *flags])}
        order = [parameter.name for parameter in [*keyword_only, *flags]]
        merged = {name: merged[name] for name in dict.fromkeys(order)}
        command.__signature__ = inspect.Signature(list(merged.values()))  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in merged.values()}
        return command

    return decorate


def drop_unset(values: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in values.items() if value is not None}
