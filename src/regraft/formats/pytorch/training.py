"""Steps that do something else in training: batch norm, dropout, attention that drops some of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from regraft.formats.pytorch.program import Step, Value
from regraft.network.graph import Switch

if TYPE_CHECKING:
    from regraft.formats.pytorch.conversion import Conversion

TRAINING = Switch(name="regraft/training:0", evaluation=False, training=True)


def in_both_modes(into: Conversion, step: Step) -> bool:
    """Emit a step that has two sides; False where it has only one."""
    handler = _HANDLERS.get(step.target.replace("_.", "."))
    return handler is not None and handler(into, step)


def _batch_norm(into: Conversion, step: Step) -> bool:
    """The stored statistics in evaluation; in training the batch's own, which the stored ones follow."""
    x, weight, bias, mean, variance, training, momentum, eps = step.args[:8]
    mean, variance = (_source(into, value) for value in (mean, variance))
    if training or mean is None or variance is None:
        return False
    refs = [into.take(value, ()) for value in (x, weight, bias, mean, variance)]
    name = into.name(step)
    moving = into.emit(f"{name}/stored", "aten.batch_norm.default", *refs, False, momentum, eps, False)
    batch = into.emit(f"{name}/batch", "batch_norm_in_training", *refs, momentum, eps)
    own, *following = (into.emit(f"{name}/batch.{k}", "item", batch, k) for k in range(3))
    for old, new in zip((refs[3], refs[4]), following, strict=True):
        into.updates[into.parameter_named(old)] = new.name
    into.give(step, "select", into.switch(), own, moving)
    return True


def _source(into: Conversion, value: Any) -> Value | None:
    """The weight that a value is, behind steps that keep gradients away from it; None where it is computed."""
    made_by = {step.name: step for step in into.program.steps}
    while isinstance(value, Value) and value.name not in into.program.sources:
        step = made_by.get(value.name)
        value = step.args[0] if step and step.target == "aten.detach.default" else None
    return value


def _dropout(function: str) -> Callable[[Conversion, Step], bool]:
    def handler(into: Conversion, step: Step) -> bool:
        """Nothing in evaluation; in training some values are dropped."""
        x, rate, _ = step.args
        source = into.ref(x)
        if not rate:
            into.give(step, "identity", source)
            return True
        dropped = into.emit(f"{into.name(step)}/dropped", function, source, rate=rate)
        into.give(step, "select", into.switch(), dropped, source)
        return True

    return handler


def _attention(into: Conversion, step: Step) -> bool:
    """Attention whose module drops weights in training: the rate is the module's, evaluation does not show it."""
    rate = next((into.dropped[call.path] for call in reversed(step.calls) if call.path in into.dropped), 0.0)
    if not rate:
        return False
    given = {**dict(zip(_ATTENTION, step.args, strict=False)), **step.kwargs}
    if given.get("enable_gqa"):
        return False
    near = (given["query"],)
    query, key, value, mask = (into.take(given.get(name), near) for name in _ATTENTION[:4])
    causal, scale = bool(given.get("is_causal", False)), into.take(given.get("scale"), near)
    name = into.name(step)
    whole = into.emit(
        f"{name}/whole", "aten.scaled_dot_product_attention.default", query, key, value, mask, 0.0, causal, scale
    )
    dropped = into.emit(f"{name}/dropped", "attention_dropout", query, key, value, mask, rate, causal, scale)
    into.give(step, "select", into.switch(), dropped, whole)
    return True


_ATTENTION = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")

_HANDLERS: Mapping[str, Callable[[Any, Step], bool]] = {
    "aten.batch_norm.default": _batch_norm,
    "aten.dropout.default": _dropout("dropout"),
    "aten.feature_dropout.default": _dropout("channel_dropout"),
    "aten.alpha_dropout.default": _dropout("alpha_dropout"),
    "aten.scaled_dot_product_attention.default": _attention,
}
