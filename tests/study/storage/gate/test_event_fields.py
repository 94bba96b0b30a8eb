"""Each kind of event has a check, and each field of an event stands in it."""

from dataclasses import fields
from typing import get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from study.storage.events import Event
from study.storage.gate.event_fields import CHECKS, Arm, Command, Confusion, Digest, Name

KINDS = {kind.kind: kind for kind in Event.__subclasses__()}


def test_each_kind_of_event_is_checked() -> None:
    assert CHECKS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_has_the_fields_of_its_event(kind: str) -> None:
    own = {one.name for one in fields(KINDS[kind])} | {"event"}
    checked = set(get_type_hints(CHECKS[kind]._type))
    assert checked - own <= {"schema"}, "a field that no event has"
    assert own <= checked, "a field of an event that nothing checks"


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Name, "resnet18-0001", "../x"),
        (Digest, "0" * 64, "0" * 63),
        (Command, "retina search s --seeds=3", "retina search s; rm x"),
        (Arm, "resnet50-pretrained", "resnet34-scratch"),
        (Confusion, [[0] * 5] * 5, [[0] * 5] * 4),
    ],
)
def test_a_type_takes_what_is_right_alone(kind: object, right: object, wrong: object) -> None:
    check = TypeAdapter(kind)
    assert check.validate_python(right) == right
    with pytest.raises(ValidationError):
        check.validate_python(wrong)
