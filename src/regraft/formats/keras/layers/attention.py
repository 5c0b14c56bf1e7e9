"""Attention."""

from __future__ import annotations

from typing import Any

from regraft.formats.keras.building import Call, Value
from regraft.formats.keras.layers.passing import in_training
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_PARTS = ("query", "key", "value", "attention_output")


def multi_head_attention(call: Call) -> None:
    """Values mixed for each query by how well their keys fit, in several heads."""
    query, value, key = _three(call, call.args, call.kwargs)
    strange = [name for name in ("use_gate", "sliding_window", "flash_attention") if call.option(name)]
    if strange or any(one.rank != 3 for one in (query, value, key)) or call.kwargs.get("return_attention_scores"):
        raise Unsupported(", ".join(strange) or "attention over more than one dimension, or scores given out")
    heads, width = call.option("num_heads"), call.option("key_dim")
    depths = {"query": width, "key": width, "value": call.option("value_dim") or width}
    made: dict[str, Ref] = {}
    for name, source in (("query", query), ("key", key), ("value", value)):
        kernel = call.parameter(f"{name}/kernel", (source.shape[2], heads, depths[name]))
        bias = call.parameter(f"{name}/bias", (heads, depths[name])) if call.option("use_bias", True) else None
        made[name] = call.inner(f"{name}/projected", "heads", source.ref, kernel, bias)
    scores = call.inner("scores", "attention_scores", made["query"], made["key"], scale=float(width) ** -0.5)
    mask = _mask(call, query, value, key)
    mixed = _mixed(call, scores, mask, made["value"], zeros=call.net.keras > 2)
    stored = call.shape_of("attention_output/kernel") or (0, 0, None)
    kernel = call.parameter("attention_output/kernel", (heads, depths["value"], None))
    bias = call.parameter("attention_output/bias", (stored[2],)) if call.option("use_bias", True) else None
    call.give(call.inner("joined", "joined_heads", mixed, kernel, bias), (*query.shape[:2], stored[2]), query.mask)


def _three(call: Call, args: tuple[Any, ...], kwargs: Any) -> tuple[Value, Value, Value]:
    """Query, value and key, as they are called with or without names; no key: the value."""
    found = [
        args[place] if place < len(args) else kwargs.get(name) for place, name in enumerate(("query", "value", "key"))
    ]
    if isinstance(found[0], list):  # Attention takes a list
        found = [*found[0], None][:3]
    query, value, key = (*found, None, None)[:3]
    if not isinstance(query, Value) or not isinstance(value, Value):
        raise Unsupported("it is called without a query and a value")
    return query, value, key if isinstance(key, Value) else value


def _mask(call: Call, query: Value, value: Value, key: Value) -> Ref | None:
    """Where which query looks, (b q k) or what broadcasts so; None: everywhere."""
    masks: list[Ref] = []
    for name, one, axis in (("query", query, 2), ("value", value, 1), ("key", key, 1)):
        said = call.kwargs.get(f"{name}_mask")
        ref = said.ref if isinstance(said, Value) else one.mask
        if ref is not None and (name != "key" or key is not value):
            masks.append(call.inner(f"{name}/mask", "expand_dims", ref, call.constant(f"{name}/axis", axis)))
    said = call.kwargs.get("attention_mask")
    if isinstance(said, Value):
        masks.append(call.inner("mask/given", "cast", said.ref, DstT="bool"))
    if call.kwargs.get("use_causal_mask"):
        masks.append(call.inner("mask/causal", "causal_mask", query.ref, value.ref))
    made = masks[0] if masks else None
    for number, mask in enumerate(masks[1:], 1):
        made = call.inner(f"mask/both_{number}", "logical_and", made, mask)
    return made


def _mixed(call: Call, scores: Ref, mask: Ref | None, value: Ref, *, zeros: bool) -> Ref:
    """The values mixed by the softmax of the scores (b h q k); a query that may look nowhere finds 0, or the mean."""
    if mask is None:
        shares = call.inner("shares", "softmax", scores)
    else:
        wide = call.inner("mask/wide", "expand_dims", mask, call.constant("mask/heads", 1))
        shares = call.inner("shares", "masked_softmax", scores, wide, zeros=zeros)
    rate = call.option("dropout", 0.0)
    if isinstance(rate, float) and 0 < rate < 1:
        shares = in_training(call, shares, "dropout", rate=rate)
    return call.inner("mixed", "attention_mix", shares, value)


def attention(call: Call) -> None:
    """Values mixed for each query by its products with their keys."""
    query, value, key = _three(call, call.args, call.kwargs)
    said = call.kwargs.get("mask")
    if (
        call.option("score_mode", "dot") != "dot"
        or call.option("seed_generator")
        or call.kwargs.get("return_attention_scores")
    ):
        raise Unsupported("score_mode concat, or scores given out")
    if any(one.rank != 3 for one in (query, value, key)):
        raise Unsupported("attention over more than one dimension")
    wide = {
        name: call.inner(f"{name}/wide", "expand_dims", one.ref, call.constant(f"{name}/heads", 2))
        for name, one in (("query", query), ("key", key), ("value", value))
    }
    scores = call.inner("scores", "attention_scores", wide["query"], wide["key"], scale=1.0)
    if call.option("use_scale", False):
        scores = call.inner("scaled", "mul", scores, call.parameter("scale", ()))
    masks = [query.mask, value.mask]
    if isinstance(said, list):
        masks = [one.ref if isinstance(one, Value) else None for one in said]
    mask = None
    if len(masks) > 1 and masks[1] is not None:
        mask = call.inner("value/mask", "expand_dims", masks[1], call.constant("value/axis", 1))
    if call.kwargs.get("use_causal_mask") or call.option("causal", False):
        causal = call.inner("mask/causal", "causal_mask", query.ref, key.ref)
        mask = causal if mask is None else call.inner("mask/both", "logical_and", mask, causal)
    mixed = _mixed(call, scores, mask, wide["value"], zeros=False)
    made = call.inner("one_head", "squeeze", mixed, squeeze_dims=(2,))
    if masks and masks[0] is not None:  # what masked queries find is 0
        asked = call.inner("query/mask", "expand_dims", masks[0], call.constant("query/axis", 2))
        made = call.inner("asked", "mul", made, call.inner("query/share", "cast", asked, DstT="float32"))
    call.give(made, (*query.shape[:2], value.shape[2]), query.mask)


def attention_weights(layer: Layer, keras: int) -> list[Weight]:
    """The kernels and biases of query, key, value and output."""
    mark = "" if keras > 2 else "_"
    groups = ("query_dense", "key_dense", "value_dense", "output_dense")
    names = ("kernel", "bias") if layer.config.get("use_bias", True) else ("kernel",)
    return [
        Weight(name=f"{part}/{name}", path=f"{mark}{group}/vars/{place}")
        for part, group in zip(_PARTS, groups, strict=True)
        for place, name in enumerate(names)
    ]


def scale_weights(layer: Layer, keras: int) -> list[Weight]:
    """The factor of the scores, where there is one."""
    return [Weight(name="scale", path="vars/0")] if layer.config.get("use_scale") else []


LAYERS = {"MultiHeadAttention": multi_head_attention, "Attention": attention}
WEIGHTS = {"MultiHeadAttention": attention_weights, "Attention": scale_weights}
