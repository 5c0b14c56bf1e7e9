"""Measurements that take hours, kept as they come: one line of JSON each in a file that git ignores."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Kept:
    """What was measured under a key is not measured again; delete the file to measure anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._values = {_text(line["key"]): line["value"] for line in map(json.loads, lines)}

    def once(self, key: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What was measured under a key, now or before, as JSON gives it back."""
        if _text(key) not in self._values:
            line = json.dumps({"key": key, "value": measure()})
            print(line, file=sys.stderr)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._values[_text(key)] = json.loads(line)["value"]
        return self._values[_text(key)]


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)
