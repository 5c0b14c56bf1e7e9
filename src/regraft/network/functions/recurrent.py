"""Recurrent layers as Keras has them: weights (in gates*units), gates side by side, steps that a mask leaves out.

Shapes in docstrings: b batch, t time, d features, u units. All give (outputs, last state, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from regraft.network.functions.curves import curve
from regraft.network.functions.operands import together

_Step = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def lstm(  # noqa: PLR0913 - as many as Keras has
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *states: Tensor,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    backwards: bool = False,
    sequences: bool = False,
    zeros: bool = False,
) -> tuple[Tensor, ...]:
    """Long short-term memory; gates in the order input, forget, cell, output.

    Args:
        x: (b t d).
        kernel: (d 4u); recurrent_kernel: (u 4u); bias: (4u).
        mask: (b t), false where a step is left out: the states stay, the output is that of the step before.
        states: hidden and cell state to start from, (b u) each; none: zeros.
        backwards: from the last step to the first; the outputs come in that order.
        sequences: outputs of all steps (b t u), else of the last one (b u).
        zeros: the output of a step left out is 0.

    Returns:
        outputs, hidden state, cell state.
    """
    inner, gate = curve(activation), curve(recurrent_activation)

    def step(part: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, cell = states
        i, f, c, o = (part + hidden @ recurrent_kernel).chunk(4, -1)
        cell = gate(f) * cell + gate(i) * inner(c)
        return gate(o) * inner(cell), cell

    parts = _projected(x, kernel, bias)
    start = _start(x, recurrent_kernel, states, 2)
    return _run(step, parts, start, mask, backwards, sequences, zeros)


def gru(  # noqa: PLR0913 - as many as Keras has
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *states: Tensor,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    reset_after: bool = True,
    backwards: bool = False,
    sequences: bool = False,
    zeros: bool = False,
) -> tuple[Tensor, ...]:
    """Gated recurrent unit; gates in the order update, reset, candidate. Arguments as in `lstm`.

    Args:
        reset_after: the reset gate works on the state's product, which then has a bias of its own: bias (2 3u).
            Else on the state before the product: bias (3u).

    Returns:
        outputs, hidden state.
    """
    inner, gate = curve(activation), curve(recurrent_activation)
    units = recurrent_kernel.shape[0]
    own, looped = (bias[0], bias[1]) if bias is not None and bias.ndim == 2 else (bias, None)

    def step(part: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (hidden,) = states
        if reset_after:
            product = hidden @ recurrent_kernel + (0 if looped is None else looped)
            update, reset = (gate(one) for one in (part + product)[..., : 2 * units].chunk(2, -1))
            candidate = inner(part[..., 2 * units :] + reset * product[..., 2 * units :])
        else:
            gates = part[..., : 2 * units] + hidden @ recurrent_kernel[:, : 2 * units]
            update, reset = (gate(one) for one in gates.chunk(2, -1))
            candidate = inner(part[..., 2 * units :] + (reset * hidden) @ recurrent_kernel[:, 2 * units :])
        return (update * hidden + (1 - update) * candidate,)

    parts = _projected(x, kernel, own)
    return _run(step, parts, _start(x, recurrent_kernel, states, 1), mask, backwards, sequences, zeros)


def simple_rnn(  # noqa: PLR0913 - as many as Keras has
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *states: Tensor,
    activation: str = "tanh",
    backwards: bool = False,
    sequences: bool = False,
    zeros: bool = False,
) -> tuple[Tensor, ...]:
    """A fully connected recurrent layer. Arguments as in `lstm`.

    Returns:
        outputs, hidden state.
    """
    inner = curve(activation)

    def step(part: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inner(part + states[0] @ recurrent_kernel),)

    parts = _projected(x, kernel, bias)
    return _run(step, parts, _start(x, recurrent_kernel, states, 1), mask, backwards, sequences, zeros)


def _projected(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """What all steps have from their inputs, in one product."""
    x, kernel = together(x, kernel)
    product = x @ kernel
    return product if bias is None else product + bias


def _start(x: Tensor, recurrent_kernel: Tensor, states: Sequence[Tensor], count: int) -> tuple[Tensor, ...]:
    if states:
        return tuple(states)
    return tuple(x.new_zeros(x.shape[0], recurrent_kernel.shape[0]) for _ in range(count))


def _run(
    step: _Step,
    parts: Tensor,
    states: tuple[Tensor, ...],
    mask: Tensor | None,
    backwards: bool,
    sequences: bool,
    zeros: bool,
) -> tuple[Tensor, ...]:
    """All steps one after the other; the first state is the output."""
    if parts.is_meta:  # shapes are asked for, not values
        steps = (parts.shape[1],) if sequences else ()
        return parts.new_empty(parts.shape[0], *steps, states[0].shape[-1]), *states
    order = range(parts.shape[1])[::-1] if backwards else range(parts.shape[1])
    outputs: list[Tensor] = []
    last = torch.zeros_like(states[0])  # what a left out first step gives
    for time in order:
        new = step(parts[:, time], states)
        last = output = new[0] if mask is None else torch.where(mask[:, time].bool().unsqueeze(-1), new[0], last)
        if mask is not None:
            kept = mask[:, time].bool().unsqueeze(-1)
            new = tuple(torch.where(kept, one, old) for one, old in zip(new, states, strict=True))
            output = torch.where(kept, output, torch.zeros_like(output)) if zeros else output
        states = new
        outputs.append(output)
    if sequences:
        whole = torch.stack(outputs, 1) if outputs else parts.new_zeros(parts.shape[0], 0, states[0].shape[-1])
        return whole, *states
    return (outputs[-1] if outputs else last), *states


FUNCTIONS = {"lstm": lstm, "gru": gru, "simple_rnn": simple_rnn}
