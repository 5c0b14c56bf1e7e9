"""Writing files so that nobody ever sees half of one: not after a kill, not on a full disk."""

from __future__ import annotations

import errno
import io
import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from regraft.errors import BadArgument, OutOfSpace, RegraftError, UnreadableFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What a write answers when the disk, the quota or the allowed file size is used up.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PARTIAL = ".partial"


@contextmanager
def writing(path: Path) -> Generator[IO[bytes]]:
    """Give a binary file that takes the place of `path` when the block ends well, and vanishes otherwise.

    Raises:
        OutOfSpace: the disk is full; what stood at `path` before still does.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # not tempfile's: those are for the user alone, whatever the umask says
        name = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
        try:
            with open(name, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        _sync_folder(path.parent)


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """Explain a refused write: OutOfSpace where the disk is full, else BadArgument: the place cannot be used."""
    try:
        yield
    except RegraftError:
        raise
    except OSError as error:
        got = error.strerror or str(error)
        if error.errno not in _FULL:
            raise BadArgument(
                f"{path.name} cannot be written", where=str(path), got=got, fix="name another folder"
            ) from error
        raise OutOfSpace(
            f"the disk is full: {path.name} could not be written",
            where=str(path),
            got=got,
            fix="free some space and run the same command again; nothing was left half written",
        ) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all."""
    with writing(path) as file:
        file.write(data)


def write_svg(path: Path, figure: Figure) -> None:
    """Replace a file by a drawing, as SVG; raises what `write_bytes` does."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    write_bytes(path, file.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Put a JSON document at `path`, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON document at `path`.

    Raises:
        UnreadableFile: it is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path.name} is not JSON", where=str(path), got=str(error)) from error


def append_line(path: Path, value: Any) -> None:
    """Add one JSON line at the end of `path`.

    A line cut off by a kill is dropped first; on a full disk the file keeps the lines it had.
    """
    line = (json.dumps(value, allow_nan=False) + "\n").encode()
    with disk_errors(path), open(path, "a+b") as file:
        end = whole_lines(file)
        file.truncate(end)
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise


def read_lines(path: Path) -> list[Any]:
    """The JSON lines of `path`, without a last one that a kill cut off; none where there is no file.

    Raises:
        UnreadableFile: a whole line is not JSON.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    values: list[Any] = []
    for number, line in enumerate(lines, 1):
        try:
            values.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(f"{path.name} is damaged", where=f"{path}, line {number}", got=str(error)) from error
    return values


def whole_lines(file: IO[bytes]) -> int:
    """Where the last whole line of a file ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 4096)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def is_partial(name: str) -> bool:
    """Whether a file of that name is what a killed writer has left behind."""
    return name.startswith(".") and name.endswith(_PARTIAL)


def sweep(folder: Path) -> None:
    """Remove what killed writers left behind in `folder` and below it."""
    for path in folder.rglob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
