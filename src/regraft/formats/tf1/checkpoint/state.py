"""The text file `checkpoint`, which says which checkpoint of a folder is the latest.

It is a protocol buffer as text (tensorflow/python/training/checkpoint_state.proto).
"""

from __future__ import annotations

import re
from pathlib import Path

from regraft.errors import UnreadableFile

STATE_FILE = "checkpoint"
MOST = 64 << 10  # bytes read: the latest comes first
_LATEST = re.compile(rb"""^[ \t]*model_checkpoint_path\s*:\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|.)")
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}


def read_state(path: Path) -> str:
    """The path of the latest checkpoint, as it stands there: of the disk it was written on."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened.", where=str(path), got=error.strerror) from None
    found = _LATEST.search(text)
    if found is None:
        raise UnreadableFile(
            f"{path.name} names no checkpoint.",
            where=str(path),
            expected='a line such as model_checkpoint_path: "model.ckpt-18"',
            got=repr(text[:40]) if text else "an empty file",
            fix="Name the checkpoint itself instead of its folder, or repair the file.",
        )
    return _ESCAPE.sub(_unescape, found[1][1:-1]).decode("utf-8", "surrogateescape")


def state_text(name: str) -> str:
    """The file's text for one checkpoint of that name beside it."""
    quoted = "".join(_escape(byte) for byte in name.encode())
    return f'model_checkpoint_path: "{quoted}"\nall_model_checkpoint_paths: "{quoted}"\n'


def _escape(byte: int) -> str:
    if byte in b"\"'\\":
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] in b"xX" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code[:1] in b"01234567":
        return bytes([int(code, 8) & 255])
    return bytes([_LETTERS[code]]) if code in _LETTERS else code
