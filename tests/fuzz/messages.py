"""Damage inside a protocol buffer: it can still be parsed, but a field of it says something else."""

from __future__ import annotations

import random
from typing import Any

from fuzz.mutations import EDGES, mutate
from google.protobuf.descriptor import FieldDescriptor


def damage_message(message: Any, random: random.Random) -> None:
    """Walk down from the message to some field and change it there."""
    while True:
        places = [
            (field, index)
            for field, value in message.ListFields()
            for index in (range(len(value)) if field.is_repeated and not _is_map(field) else [None])
        ]
        if not places:
            return
        field, index = random.choice(places)
        inner = _inner(message, field, index, random)
        if inner is None or random.random() < 0.1:
            _change(message, field, index, random)
            return
        message = inner


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _inner(message: Any, field: FieldDescriptor, index: int | None, random: random.Random) -> Any | None:
    """The message in a field; None where it holds something else."""
    value = getattr(message, field.name)
    if field.message_type is None:
        return None
    if _is_map(field):
        found = value[random.choice(sorted(value))]
        return found if hasattr(found, "ListFields") else None
    return value if index is None else value[index]


def _change(message: Any, field: FieldDescriptor, index: int | None, random: random.Random) -> None:
    """Drop the field, double it, or write another value of its type into it."""
    value = getattr(message, field.name)
    if field.message_type is not None or random.random() < 0.2:
        _drop_or_double(message, field, index, random)
    elif index is None:
        setattr(message, field.name, _fitting(field, _other(value, random), random))
    else:
        value[index] = _fitting(field, _other(value[index], random), random)


def _drop_or_double(message: Any, field: FieldDescriptor, index: int | None, random: random.Random) -> None:
    value = getattr(message, field.name)
    if index is None:
        message.ClearField(field.name)
    elif random.random() < 0.5:
        del value[index]
    elif field.message_type is None:
        value.append(value[index])
    else:
        value.add().CopyFrom(value[index])


def _fitting(field: FieldDescriptor, value: object, random: random.Random) -> object:
    """The value, or another where the type of the field cannot hold it."""
    if field.enum_type is not None and field.enum_type.is_closed:
        return random.choice(field.enum_type.values).number
    unsigned = field.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
    return abs(value) if unsigned and isinstance(value, int) else value


def _other(value: object, random: random.Random) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((value + 1, -value, random.choice(EDGES) & 0x7FFFFFFF, 0))
    if isinstance(value, float):
        return random.choice((-value, 0.0, 1e30, float("nan"), float("inf")))
    if isinstance(value, bytes):
        return mutate(value, random)
    text = str(value)
    return random.choice((text + "x", text[:-1], text[::-1], "", f"^{text}", f"{text}:1", text.rpartition("/")[0]))
