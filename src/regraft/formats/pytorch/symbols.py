"""Sizes that depend on the batch or a length, told apart by the values they take when these change.

Two sizes are the same, or one is a multiple of the other, if they are so in three samples: that needs no algebra, and
works for what a file writes as text too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from regraft.errors import UnreadableFile
from regraft.formats.pytorch.program import Size

_PRIMES = (
    1009, 2003, 3001, 4001, 5003, 6007, 7001, 8009, 9001, 10007, 11003, 12007, 13001, 14009, 15013, 16001, 17011, 18013,
    19001, 20011, 21001, 22003, 23003, 24001,
)  # fmt: skip
_SAMPLES = 3
_WHOLE = (1 << 63) - 1  # the end of a slice that takes all there is


def samples_of(size: Any, symbols: dict[Any, int]) -> Size:
    """A size of torch's: a number, or the values of its expression in three samples.

    Args:
        symbols: the number of each symbol met; extended.
    """
    if isinstance(size, int):
        return size
    expression = size.node.expr
    if expression.is_number:
        return int(expression)
    for symbol in sorted(expression.free_symbols, key=str):
        symbols.setdefault(symbol, len(symbols))
    taken = [{s: sample_of(symbols[s], k) for s in expression.free_symbols} for k in range(_SAMPLES)]
    return tuple(int(expression.subs(values)) for values in taken)


def sample_of(number: int, sample: int) -> int:
    """The value of the symbol of that number in a sample; far apart, and without common divisors."""
    return _PRIMES[(number * _SAMPLES + sample) % len(_PRIMES)]


def samples_of_text(text: str, symbols: dict[str, int], where: str) -> Size:
    """The same for an expression as a file writes it; nothing in it is run.

    Raises:
        UnreadableFile: it is none of sums, products and quotients of symbols.
    """
    try:
        tree = ast.parse(text[:2000], mode="eval").body
        values = tuple(_value(tree, symbols, sample) for sample in range(_SAMPLES))
    except (SyntaxError, KeyError, ValueError, TypeError, ZeroDivisionError, RecursionError, MemoryError) as error:
        raise UnreadableFile("a size in the program cannot be read", where=where, got=text[:100]) from error
    return values[0] if len(set(values)) == 1 and "Symbol" not in text else values


_OPERATORS: Mapping[type, Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_CALLS: Mapping[str, Callable[..., int]] = {
    "FloorDiv": lambda a, b: a // b,
    "CleanDiv": lambda a, b: a // b,
    "Mod": lambda a, b: a % b,
    "PythonMod": lambda a, b: a % b,
    "Max": max,
    "Min": min,
    "Integer": lambda a: a,
    "Add": lambda *terms: sum(terms),
    "Mul": lambda *factors: prod(factors),
}


def _value(tree: ast.expr, symbols: dict[str, int], sample: int) -> int:
    match tree:
        case ast.Constant(value=int() as number) if abs(number) <= _WHOLE:
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, symbols, sample)
        case ast.BinOp(left=left, op=op, right=right):
            return _bounded(_OPERATORS[type(op)](_value(left, symbols, sample), _value(right, symbols, sample)))
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str() as name)]):
            return sample_of(symbols.setdefault(name, len(symbols)), sample)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _bounded(_CALLS[name](*(_value(arg, symbols, sample) for arg in args)))
        case _:
            raise ValueError(ast.dump(tree)[:100])


def _bounded(value: int) -> int:
    if abs(value) > _WHOLE:
        raise ValueError("too large")
    return value
