"""ONNX's recurrent layers: LSTM, GRU and the plain one, in one or both directions.

Shapes: s steps, b batch, d directions, n inputs, h hidden units. x is (s b n), with `layout` 1 (b s n).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.operands import together

_Activation = Callable[[Tensor], Tensor]
_State = tuple[Tensor, ...]
_PLAIN: dict[str, _Activation] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softsign": functional.softsign,
    "softplus": functional.softplus,
}


def _activation(name: str, alpha: float | None, beta: float | None) -> _Activation:
    """The activation of that name; `alpha` and `beta` where it takes them."""

    def given(number: float | None, otherwise: float) -> float:
        return otherwise if number is None else number

    key = name.lower()
    if key in _PLAIN:
        return _PLAIN[key]
    if key == "affine":
        return lambda x: given(alpha, 1.0) * x + given(beta, 0.0)
    if key == "leakyrelu":
        return lambda x: functional.leaky_relu(x, given(alpha, 0.01))
    if key == "thresholdedrelu":
        return lambda x: torch.where(x >= given(alpha, 1.0), x, torch.zeros_like(x))
    if key == "scaledtanh":
        return lambda x: given(alpha, 1.0) * torch.tanh(given(beta, 1.0) * x)
    if key == "hardsigmoid":
        return lambda x: torch.clamp(given(alpha, 0.2) * x + given(beta, 0.5), 0, 1)
    if key == "elu":
        return lambda x: functional.elu(x, given(alpha, 1.0))
    raise UnsupportedOp(f"the activation {name!r} of a recurrent layer is not known")


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """One direction of a recurrent layer: its weights (gates*h n), (gates*h h), biases, and its activations."""

    w: Tensor
    r: Tensor
    wb: Tensor
    rb: Tensor
    peepholes: Tensor | None
    activations: Sequence[_Activation]
    clip: float
    coupled: bool
    before_reset: bool

    def bounded(self, x: Tensor) -> Tensor:
        """What goes into an activation."""
        return x.clamp(-self.clip, self.clip) if self.clip else x


def _lstm_step(layer: _Layer, x: Tensor, state: _State) -> _State:
    """One step: hidden and cell state from those before; the gates lie as input, output, forget, cell."""
    hidden, cell = state
    gates = x + hidden @ layer.r.mT + layer.rb
    i, o, f, c = gates.chunk(4, -1)
    first, second, third = layer.activations
    if layer.peepholes is not None:
        pi, po, pf = layer.peepholes.chunk(3, -1)
        i, f = i + pi * cell, f + pf * cell
    else:
        po = None
    i = first(layer.bounded(i))
    f = 1 - i if layer.coupled else first(layer.bounded(f))
    cell = f * cell + i * second(layer.bounded(c))
    o = o if po is None else o + po * cell
    return first(layer.bounded(o)) * third(cell), cell


def _gru_step(layer: _Layer, x: Tensor, state: _State) -> _State:
    """One step: the hidden state from that before; the gates lie as update, reset, hidden."""
    (hidden,) = state
    size = hidden.shape[-1]
    first, second = layer.activations
    rz, rh = layer.r.split([2 * size, size])
    bz, bh = layer.rb.split([2 * size, size], -1)
    xz, xh = x.split([2 * size, size], -1)
    z, r = first(layer.bounded(xz + hidden @ rz.mT + bz)).chunk(2, -1)
    inner = r * (hidden @ rh.mT + bh) if layer.before_reset else (r * hidden) @ rh.mT + bh
    new = second(layer.bounded(xh + inner))
    return ((1 - z) * new + z * hidden,)


def _rnn_step(layer: _Layer, x: Tensor, state: _State) -> _State:
    """One step: the hidden state from that before."""
    (hidden,) = state
    return (layer.activations[0](layer.bounded(x + hidden @ layer.r.mT + layer.rb)),)


def _run(
    step: Callable[[_Layer, Tensor, _State], _State], layer: _Layer, x: Tensor, state: _State, lengths: Tensor | None
) -> tuple[Tensor, _State]:
    """All steps of (s b n): every hidden state, and the last state."""
    inputs = x @ layer.w.mT + layer.wb
    if x.is_meta:  # shapes are asked for: one step tells them
        state = step(layer, inputs[0], state) if len(inputs) else state
        return state[0].unsqueeze(0).expand(len(inputs), *state[0].shape), state
    outputs: list[Tensor] = []
    for place, one in enumerate(inputs.unbind(0)):
        new = step(layer, one, state)
        if lengths is not None:
            live = (place < lengths).unsqueeze(-1)
            state = tuple(torch.where(live, after, before) for after, before in zip(new, state, strict=True))
            outputs.append(torch.where(live, new[0], torch.zeros_like(new[0])))
        else:
            state = new
            outputs.append(new[0])
    return torch.stack(outputs) if outputs else inputs.new_zeros(0, *state[0].shape), state


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each example's steps back to front, as many as it has."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(len(x), device=x.device).unsqueeze(1)
    back = lengths.unsqueeze(0) - 1 - steps
    places = torch.where(back >= 0, back, steps)
    return x.gather(0, places.view(*places.shape, *[1] * (x.ndim - 2)).expand(x.shape))


_STEPS = {"lstm": (_lstm_step, 4, 2), "gru": (_gru_step, 3, 1), "rnn": (_rnn_step, 1, 1)}
_DEFAULTS = {"lstm": ("Sigmoid", "Tanh", "Tanh"), "gru": ("Sigmoid", "Tanh"), "rnn": ("Tanh",)}


def _recurrent(
    kind: str, x: Tensor, weights: Sequence[Tensor | None], lengths: Tensor | None, starts: Sequence[Tensor | None],
    options: dict[str, Any],
) -> tuple[Tensor, ...]:  # fmt: skip
    """Both directions of a layer; `weights` are w, r, b and the peepholes."""
    step, gates, states = _STEPS[kind]
    everything = (x, *weights, lengths, *starts)
    placed = iter(together(*(one for one in everything if one is not None)))
    moved: list[Any] = [None if one is None else next(placed) for one in everything]
    x, w, r, b, peepholes, lengths, *starts = moved
    by_batch = options["layout"] == 1
    if by_batch:
        x = x.transpose(0, 1)
        starts = [None if one is None else one.transpose(0, 1) for one in starts]
    directions, hidden = w.shape[0], r.shape[-1]
    lengths = None if lengths is None else lengths.long()
    every: list[Tensor] = []
    last: list[_State] = []
    for k in range(directions):
        rows = x.shape[1]  # a state of one row is every example's
        state = tuple(x.new_zeros(rows, hidden) if one is None else one[k].expand(rows, -1) for one in starts[:states])
        bias = x.new_zeros(2 * gates * hidden) if b is None else b[k]
        wb, rb = bias.chunk(2)
        layer = _Layer(
            w=w[k], r=r[k], wb=wb, rb=rb, peepholes=None if peepholes is None else peepholes[k],
            activations=_activations(kind, k, options), clip=options["clip"] or 0.0,
            coupled=bool(options.get("input_forget")), before_reset=bool(options.get("linear_before_reset")),
        )  # fmt: skip
        backwards = k == 1 or options["direction"] == "reverse"
        outputs, state = _run(step, layer, _turned(x, lengths) if backwards else x, state, lengths)
        every.append(_turned(outputs, lengths) if backwards else outputs)
        last.append(state)
    whole = torch.stack(every, 1)
    ends = [torch.stack([state[k] for state in last]) for k in range(states)]
    if by_batch:
        return (whole.permute(2, 0, 1, 3), *(end.transpose(0, 1) for end in ends))
    return whole, *ends


def _activations(kind: str, direction: int, options: dict[str, Any]) -> list[_Activation]:
    count = len(_DEFAULTS[kind])
    named = options["activations"] or _DEFAULTS[kind] * 2
    chosen = named[count * direction : count * (direction + 1)]
    alphas, betas = list(options["activation_alpha"] or ()), list(options["activation_beta"] or ())
    skipped = sum(name.lower() not in _PLAIN for name in named[: count * direction])
    alphas, betas = alphas[skipped:], betas[skipped:]
    found: list[_Activation] = []
    for name in chosen:
        takes = name.lower() not in _PLAIN
        alpha = alphas.pop(0) if takes and alphas else None
        beta = betas.pop(0) if takes and betas else None
        found.append(_activation(name, alpha, beta))
    return found


def lstm(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    initial_h: Tensor | None = None, initial_c: Tensor | None = None, p: Tensor | None = None, *,
    activations: Sequence[str] | None = None, activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    """A long short-term memory.

    Args:
        w, r, b, p: weights of the input (d 4h n), of the state (d 4h h), biases of both (d 8h), peepholes (d 3h).
        lengths: steps of each example; None: all.

    Returns:
        Every hidden state (s d b h), the last hidden and the last cell state (d b h).
    """
    options = {
        "activations": activations, "activation_alpha": activation_alpha, "activation_beta": activation_beta,
        "clip": clip, "direction": direction, "layout": layout, "input_forget": input_forget,
    }  # fmt: skip
    return _recurrent("lstm", x, (w, r, b, p), lengths, (initial_h, initial_c), options)


def gru(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    initial_h: Tensor | None = None, *,
    activations: Sequence[str] | None = None, activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, linear_before_reset: int = 0, layout: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Gated recurrent units; weights (d 3h n), (d 3h h), (d 6h). Arguments and results as in `lstm`."""
    options = {
        "activations": activations, "activation_alpha": activation_alpha, "activation_beta": activation_beta,
        "clip": clip, "direction": direction, "layout": layout, "linear_before_reset": linear_before_reset,
    }  # fmt: skip
    return _recurrent("gru", x, (w, r, b, None), lengths, (initial_h,), options)


def rnn(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    initial_h: Tensor | None = None, *,
    activations: Sequence[str] | None = None, activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, layout: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Plain recurrent units; weights (d h n), (d h h), (d 2h). Arguments and results as in `lstm`."""
    options = {
        "activations": activations, "activation_alpha": activation_alpha, "activation_beta": activation_beta,
        "clip": clip, "direction": direction, "layout": layout,
    }  # fmt: skip
    return _recurrent("rnn", x, (w, r, b, None), lengths, (initial_h,), options)


FUNCTIONS = {"onnx_lstm": lstm, "onnx_gru": gru, "onnx_rnn": rnn}
