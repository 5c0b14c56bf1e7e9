"""Many varints at once, with numpy: the whole numbers of tensors and the lengths of strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.protobuf.wire import malformed

Bytes = npt.NDArray[np.uint8]
CHUNK = 64 << 10  # bytes decoded at once: what is needed besides the result stays this small
LONGEST = 10  # bytes that 64 bits can take


def count_varints(data: Bytes) -> int:
    """How many varints there are in `data`."""
    return sum(
        int(np.count_nonzero(data[start : start + CHUNK] < 0x80))  # the last byte of each is the one below 0x80
        for start in range(0, data.size, CHUNK)
    )


def read_varints(data: Bytes, out: npt.NDArray[Any], where: str) -> int:
    """Fill `out`, of any unsigned type, with the first varints of `data`; returns the bytes they take.

    What does not fit into the type is cut off at its upper end.
    """
    done = position = 0
    while done < out.size:
        chunk = data[position : position + CHUNK]
        ends = np.flatnonzero(chunk < 0x80)[: out.size - done]
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts + 1 if ends.size else starts
        if not ends.size or lengths.max() > LONGEST:
            raise malformed(where, f"{out.size} numbers of at most {LONGEST} bytes", f"{done} in {position} bytes")
        out[done : done + ends.size] = _join(chunk & np.uint8(0x7F), starts, lengths)
        done, position = done + ends.size, position + int(ends[-1]) + 1
    return position


def _join(bits: Bytes, starts: npt.NDArray[np.intp], lengths: npt.NDArray[np.intp]) -> npt.NDArray[np.uint64]:
    """The numbers of one chunk, from seven bits a byte, the lowest first."""
    numbers = bits[starts].astype(np.uint64)
    for place in range(1, int(lengths.max())):
        longer = np.flatnonzero(lengths > place)
        numbers[longer] |= bits[starts[longer] + place].astype(np.uint64) << np.uint64(7 * place)
    return numbers
