"""How axes go, in words."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.axes import turned

A = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("turn", "shape", "expected"),
    [
        ("a b c -> c a b", (2, 3, 4), A.transpose(2, 0, 1)),
        ("(a b) c -> b (a c), a=2", (6, 4), A.transpose(1, 0, 2).reshape(3, 8)),
        ("1 o -> o", (1, 24), A.reshape(24)),
        ("o -> 1 1 o", (24,), A.reshape(1, 1, 24)),
        ("o (c h w) -> (h w c) o, c=2 h=3 w=2", (2, 12), A.reshape(2, 2, 3, 2).transpose(2, 3, 1, 0).reshape(12, 2)),
        ("o h w -> -w o -h", (2, 3, 4), A[:, ::-1, ::-1].transpose(2, 0, 1)),
        ("a b c -> a (b -c)", (2, 3, 4), A[:, :, ::-1].reshape(2, 12)),
        ("h w c m -> (c m) 1 h w", (2, 3, 2, 2), A.reshape(2, 3, 2, 2).transpose(2, 3, 0, 1).reshape(4, 1, 2, 3)),
    ],
)
def test_turns(turn: str, shape: tuple[int, ...], expected: np.ndarray) -> None:
    np.testing.assert_array_equal(turned(A.reshape(shape), turn), expected)


@pytest.mark.parametrize(
    "turn",
    [
        "a b",
        "a -> b",
        "a a -> a",
        "(a b -> a b",
        "a) b -> a b",
        "a * b -> a b",
        "a b -> b a, a=x",
        "a b -> b a -> b",
        "-a b -> a b",
        "a b -> -b --a",
    ],
)
def test_words_without_sense(turn: str) -> None:
    with pytest.raises(BadArgument) as error:
        turned(A, turn)
    assert str(error.value) == (
        "this says nothing about axes\n"
        "  expected: such as 'o i h w -> h w i o' or '(c h w) o -> (h w c) o, c=64 h=3 w=3'\n"
        f"  got: {turn}"
    )


@pytest.mark.parametrize("turn", ["a b -> b a", "a 1 b -> a b", "(a b) c d -> a b c d", "a b c -> c b a, a=3"])
def test_arrays_of_another_form(turn: str) -> None:
    with pytest.raises(ShapeMismatch) as error:
        turned(A, turn)
    assert str(error.value) == (
        f"an array is not of the form its turn says\n  expected: {turn}\n  got: shape (2, 3, 4)"
    )
