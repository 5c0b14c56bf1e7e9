"""Where features are kept between runs, and how much of the disk they may take."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import platformdirs

from regraft.errors import OutOfSpace
from regraft.features.store import INDEX, LOCK
from regraft.run.locks import take

BUDGET = 20 * 2**30  # bytes all stored features may take together, unless said otherwise


def cache_folder() -> Path:
    """The user's own folder of features, shared by all runs."""
    return Path(platformdirs.user_cache_dir("regraft")) / "features"


def make_room(root: Path, keep: Path, needed: int, budget: int = BUDGET) -> None:
    """See to it that a store `keep` of `needed` bytes fits into `root`; others give way, the longest unused first.

    Stores that a process has open stay.

    Raises:
        OutOfSpace: it does not fit into the budget, or not on the disk.
    """
    _refuse(root, needed, budget, "the budget for features")
    others = [path.parent for path in root.glob(f"*/{INDEX}") if path.parent != keep]
    sizes = {folder: _size(folder) for folder in others}
    present = _size(keep)
    for folder in sorted(others, key=_last_used):
        if needed + sum(sizes.values()) <= budget and needed - present <= _free(root):
            break
        if _remove(folder):
            del sizes[folder]
    _refuse(root, needed, budget - sum(sizes.values()), "the budget for features")
    _refuse(root, needed - present, _free(root), "the disk")


def _refuse(root: Path, needed: int, allowed: int, what: str) -> None:
    if needed > allowed:
        raise OutOfSpace(
            "the features do not fit",
            where=str(root),
            expected=f"at most {max(0, allowed) / 1e6:,.1f} MB, what is left of {what}",
            got=f"{needed / 1e6:,.1f} MB",
            fix="cut the network where its tensors are smaller (--at), or give fewer examples, or more room",
        )


def _free(root: Path) -> int:
    while not root.exists():
        root = root.parent
    return shutil.disk_usage(root).free


def _size(folder: Path) -> int:
    size = 0
    with suppress(FileNotFoundError):  # another run may be removing it
        for path in folder.glob("*.chunk"):
            size += path.stat().st_size
    return size


def _last_used(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return (folder / LOCK).stat().st_mtime
    return 0.0


def _remove(folder: Path) -> bool:
    with suppress(FileNotFoundError), open(folder / LOCK, "ab") as lock:
        if not take(lock.fileno()):
            return False
        shutil.rmtree(folder, ignore_errors=True)
    return True
