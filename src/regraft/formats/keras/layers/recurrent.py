"""Recurrent layers, and those that run a layer twice or on each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regraft.formats.keras.building import Call, Value
from regraft.formats.keras.layers.activations import curve_of
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_CELLS = {"LSTM": ("lstm", 2, 4), "GRU": ("gru", 1, 3), "SimpleRNN": ("simple_rnn", 1, 1)}


def recurrent(call: Call) -> None:
    """Steps one after the other, each with the state of the one before; the last output, all, or states too."""
    value, states = _given(call)
    outputs = _run(call, call, "", value, states)
    for ref, shape in outputs:
        first = not call.results
        mask = call.mask(value) if first and call.option("return_sequences", False) else None
        call.give(ref, shape, mask)


def _given(call: Call) -> tuple[Value, list[Value]]:
    """What it is called with, and the states to start from."""
    value, *states = call.values()
    said = call.kwargs.get("initial_state", call.args[1] if len(call.args) > 1 else None)
    if isinstance(said, Value):
        said = [said]
    if isinstance(said, list):
        states = [one for one in said if isinstance(one, Value)]
    return value, states


def _run(
    call: Call, cell: Call, prefix: str, value: Value, states: Sequence[Value], *, zeros: bool = False
) -> list[tuple[Ref, tuple[int | None, ...]]]:
    """The nodes of one recurrent layer: its outputs and, with return_state, its states, with their shapes.

    `cell` is the layer itself, with the names of its weights; `call` is what it runs in.
    """
    if cell.layer.kind not in _CELLS:
        raise Unsupported(f"a layer {cell.layer.kind} with a cell of its own")
    if value.rank != 3:
        raise call.wrong("the layer reads sequences", "3 dimensions", str(value.rank))
    if cell.option("time_major", False):
        raise Unsupported("time before batch (time_major)")
    if cell.option("stateful", False):
        call.say("keeps its state from batch to batch in Keras (stateful); here each batch starts from zeros")
    if cell.option("recurrent_dropout", 0.0):
        call.say("the recurrent_dropout of its training is left out")
    function, count, gates = _CELLS[cell.layer.kind]
    units, width = cell.option("units"), value.shape[2]
    if not isinstance(units, int) or not 0 < units < 1 << 24:
        raise call.wrong("units cannot be used", "a number from 1", str(units)[:60])
    settings = _settings(cell, zeros)
    weights: list[Ref | None] = [
        cell.parameter("kernel", (width, gates * units)),
        cell.parameter("recurrent_kernel", (units, gates * units)),
        None,
    ]
    if cell.option("use_bias", True):
        double = function == "gru" and settings["reset_after"]
        weights[2] = cell.parameter("bias", (2, gates * units) if double else (gates * units,))
    if states and len(states) != count:
        raise call.wrong("the layer starts from other states than it has", str(count), str(len(states)))
    source, rate = value.ref, cell.option("dropout", 0.0)
    if isinstance(rate, float) and 0 < rate < 1:  # the same features in all steps, as whole channels
        noisy = call.inner(f"{prefix}noisy", "spatial_dropout", source, rate=rate)
        source = call.inner(f"{prefix}input", "select", call.net.switch(), noisy, source)
    mask = call.mask(value)
    made = call.inner(f"{prefix}run", function, source, *weights, mask, *(one.ref for one in states), **settings)
    steps = (value.shape[1],) if settings["sequences"] else ()
    found: list[tuple[Ref, tuple[int | None, ...]]] = [
        (call.inner(f"{prefix}outputs", "item", made, 0), (value.shape[0], *steps, units))
    ]
    if cell.option("return_state", False):
        found += [
            (call.inner(f"{prefix}state_{n}", "item", made, n), (value.shape[0], units)) for n in range(1, count + 1)
        ]
    return found


def _settings(cell: Call, zeros: bool) -> dict[str, Any]:
    """The attributes of the function."""
    kind = cell.layer.kind
    settings: dict[str, Any] = {
        "activation": curve_of(cell, cell.layer.config.get("activation", "tanh")),
        "backwards": bool(cell.option("go_backwards", False)),
        "sequences": bool(cell.option("return_sequences", False)),
        "zeros": zeros or bool(cell.option("zero_output_for_mask", False)),
    }
    if kind != "SimpleRNN":
        old = "hard_sigmoid" if cell.net.keras < 3 else "sigmoid"
        settings["recurrent_activation"] = curve_of(cell, cell.layer.config.get("recurrent_activation", old))
    if kind == "GRU":
        settings["reset_after"] = bool(cell.layer.config.get("reset_after", cell.net.keras > 2))
    return settings


def bidirectional(call: Call) -> None:
    """A recurrent layer run forwards and backwards; the two outputs joined, added, averaged, multiplied or apart."""
    value, states = _given(call)
    forward, backward = _both(call.layer)
    sequences = bool(forward.config.get("return_sequences", False))
    half = len(states) // 2
    sides: list[list[tuple[Ref, tuple[int | None, ...]]]] = []
    for layer, own in ((forward, states[:half]), (backward, states[half:])):
        cell = replace(call, layer=layer, owner=f"{call.owner}/{layer.name}")
        sides.append(_run(call, cell, f"{layer.name}/", value, own, zeros=sequences))
    (ahead, shape), (behind, _) = sides[0][0], sides[1][0]
    if sequences:
        behind = call.inner("turned", "reverse_v2", behind, call.constant("time", (1,)))
    mask = call.mask(value) if sequences else None
    mode = call.layer.config.get("merge_mode", "concat")
    if mode is None:
        call.give(ahead, shape)
        call.give(behind, shape)
    else:
        call.give(_merged(call, str(mode), ahead, behind, len(shape)), _wider(shape, mode), mask)
    for ref, state in [*sides[0][1:], *sides[1][1:]]:
        call.give(ref, state)


def _wider(shape: tuple[int | None, ...], mode: str) -> tuple[int | None, ...]:
    width = shape[-1]
    return (*shape[:-1], 2 * width if mode == "concat" and width else width)


def _merged(call: Call, mode: str, ahead: Ref, behind: Ref, rank: int) -> Ref:
    match mode:
        case "concat":
            return call.inner("joined", "concat_v2", ahead, behind, call.constant("axis", rank - 1))
        case "sum":
            return call.inner("sum", "add", ahead, behind)
        case "mul":
            return call.inner("product", "mul", ahead, behind)
        case "ave":
            total = call.inner("sum", "add", ahead, behind)
            return call.inner("mean", "mul", total, call.constant("half", 0.5, "float32"))
        case _:
            raise Unsupported(f"merge_mode {mode[:40]}")


def _both(layer: Layer) -> tuple[Layer, Layer]:
    """The layer that runs forwards and the one that runs backwards."""
    assert layer.model is not None  # the reader sees to it
    first, *own = layer.model.layers
    if own:
        return first, own[0]
    plain = first.name.removeprefix("forward_")
    turned = {**first.config, "go_backwards": not first.config.get("go_backwards", False)}
    return replace(first, name=f"forward_{plain}"), replace(first, name=f"backward_{plain}", config=turned)


def time_distributed(call: Call) -> None:
    """A layer, or a model, run on each step of a sequence by itself."""
    value = call.value()
    inner = call.layer.model.layers[0] if call.layer.model else None
    if inner is None or value.rank < 3:
        raise call.wrong("there are no steps to run the layer on", "3 dimensions", str(value.rank))
    flat = call.inner("steps", "flatten", value.ref, axis=0, end_axis=1)
    steps = Value(ref=flat, shape=(None, *value.shape[2:]))
    results = call.net.run(inner, f"{call.name}/{inner.name}", call.owner, (steps,), {}, call.net)
    for number, result in enumerate(results):
        detail = f"apart_{number}" if number else "apart"
        apart = call.inner(detail, "rows_apart", result.ref, value.ref)
        call.give(apart, (*value.shape[:2], *result.shape[1:]), None if number else call.mask(value))


def recurrent_weights(layer: Layer, keras: int) -> list[Weight]:
    """The kernel, that of the state, and the bias."""
    names = ["kernel", "recurrent_kernel", *(["bias"] if layer.config.get("use_bias", True) else [])]
    return [Weight(name=name, path=f"cell/vars/{place}") for place, name in enumerate(names)]


def bidirectional_weights(layer: Layer, keras: int) -> list[Weight]:
    """Those of both directions."""
    return [
        replace(weight, name=f"{one.name}/{weight.name}", path=f"{side}_layer/{weight.path}")
        for side, one in zip(("forward", "backward"), _both(layer), strict=True)
        for weight in recurrent_weights(one, keras)
    ]


LAYERS = {
    **dict.fromkeys(_CELLS, recurrent),
    "Bidirectional": bidirectional,
    "TimeDistributed": time_distributed,
}
WEIGHTS = {**dict.fromkeys(_CELLS, recurrent_weights), "Bidirectional": bidirectional_weights}
