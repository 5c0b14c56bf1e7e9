"""Damage inside of a zip file that is whole around it."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

from fuzz.mutations import mutate

Damage = Callable[[bytes, random.Random], bytes]


def inside_zip(*endings: str, damage: Damage = mutate) -> Damage:
    """Damage to one member of those endings; the checksums are right again afterwards."""

    def damaged(data: bytes, random: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        chosen = random.choice([name for name in members if name.endswith(endings)])
        members[chosen] = damage(members[chosen], random)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return out.getvalue()

    return damaged
