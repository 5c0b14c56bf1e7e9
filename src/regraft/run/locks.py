"""Locks that the system gives back when a process ends, however it ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def take(handle: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Take a lock on an open file, by its descriptor; False where others are in the way and it does not `wait`.

    A shared lock can be held by many; one held already is exchanged for the new kind. Windows knows no shared ones,
    but does not delete open files.
    """
    try:
        if sys.platform != "win32":
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        elif not shared:
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
