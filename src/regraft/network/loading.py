"""Weights of a file put into a user's own torch module, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from regraft.errors import BadArgument, ShapeMismatch, nearest_names
from regraft.network.axes import turned
from regraft.network.renames import Place, Renames

Layout = Literal["tensorflow", "torch"]

# What TensorFlow's layers call their variables, and torch's modules theirs.
_LAST_WORDS = {
    "kernel": "weight",
    "weights": "weight",
    "scale": "weight",
    "alpha": "weight",
    "alphas": "weight",
    "mean": "running_mean",
    "var": "running_var",
    "depthwise_weights": "weight",
    "depthwise_kernel": "weight",
    "biases": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

# What TensorFlow's optimizers keep beside their slots; a moving average of the weights is none of theirs.
_COUNTER = re.compile(r"(^|[./])(beta[12]_power|global_step|num_batches_tracked)(_\d+)?$")
_AVERAGE = "/ExponentialMovingAverage"

# Whose word for weights it is: the layout of convolutions, and of dense layers. Theano has one of each.
_WORDS: Mapping[str, tuple[Layout, Layout]] = {
    **dict.fromkeys(("kernel", "weights", "depthwise_weights", "depthwise_kernel"), ("tensorflow", "tensorflow")),
    "weight": ("torch", "torch"),
    "W": ("torch", "tensorflow"),
}
_SAID = {
    ("conv", "tensorflow"): "(h w in out)", ("conv", "torch"): "(out in h w)",
    ("dense", "tensorflow"): "(in out)", ("dense", "torch"): "(out in)",
}  # fmt: skip

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_TORCH_EPSILON = 1e-5  # torch's default; tf.layers and slim have 1e-3


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What `load_weights` did: module names by source name, and what was left alone on both sides.

    Attributes:
        notes: what the user has to look after, for the file does not say it.
    """

    matched: Mapping[str, str]
    unused: tuple[str, ...]
    untouched: tuple[str, ...]
    percent: float
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        total = len(self.matched) + len(self.untouched)
        of_optimizer = _of_optimizer(self.unused, {*self.matched, *self.unused})
        lines = [f"loaded {len(self.matched)}/{total} tensors, {self.percent:.1f} % of the parameters"]
        lines += [f"  not in the file: {name}" for name in self.untouched]
        lines += [f"  not in the module: {name}" for name in self.unused if name not in of_optimizer]
        if of_optimizer:
            lines.append(f"  not in the module: {len(of_optimizer)} of the optimizer's slots and counters")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def load_into(
    module: nn.Module,
    values: Mapping[str, np.ndarray],
    rename: Renames | Mapping[str, Any] | None = None,
    *,
    layout: Layout | None = "tensorflow",
    as_torch: Collection[str] = (),
) -> Loaded:
    """Copy weights into a module's parameters and buffers, turned from the file's layout into torch's.

    A name is first renamed (`rename`: old name as a full-match regex -> new name); then "hidden1/kernel"
    also finds "hidden1.weight". From TensorFlow's layout dense kernels (in out) are transposed, convolutions
    (h w in out) become (out in h w), depthwise ones (h w c m) become (c*m 1 h w). Where `rename` says how the axes
    go, that is done and nothing else.

    Args:
        layout: the file's; None: told by the shapes, else by the words for weights, else an error.
        as_torch: names of values that lie as torch wants them, whatever the layout.

    Raises:
        BadArgument: nothing matches, or two layouts fit.
        ShapeMismatch: something matches by name but not by shape; nothing has been changed.
    """
    renames = rename if isinstance(rename, Renames) else Renames(rename or {})
    targets = {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if _counts(name)}
    places = {source: renames.place(source) for source in values}
    matched = {source: target for source in values if (target := _target(places[source].to, targets))}
    layouts, told = _layouts(module, {s: (t, values[s]) for s, t in matched.items() if not places[s].turn}, layout)
    fitted = {
        s: values[s] if s in as_torch else _fitted(module, target, values[s], places[s], layouts)
        for s, target in matched.items()
    }
    fitted = {s: _squeezed(value, tuple(targets[matched[s]].shape)) for s, value in fitted.items()}
    _check(fitted, matched, targets)
    if not matched:
        raise BadArgument(
            "none of the file's weights is in the module",
            expected=f"names like {', '.join(list(targets)[:3])}",
            got=f"names like {', '.join(list(values)[:3])}",
            nearest=[f"{s} -> {t}" for s in list(values)[:3] for t in nearest_names(s.replace("/", "."), targets, 1)],
            fix="map them: rename={'old name': 'new name'}; groups work: {'(.*)/kernel': r'\\1.weight'}",
        )
    with torch.no_grad():
        for source, target in matched.items():
            targets[target].copy_(torch.from_numpy(np.array(fitted[source])))
    counts = {name: tensor.numel() for name, tensor in targets.items()}
    return Loaded(
        matched=matched,
        unused=tuple(name for name in values if name not in matched),
        untouched=tuple(name for name in targets if name not in set(matched.values())),
        percent=100 * sum(counts[name] for name in set(matched.values())) / max(1, sum(counts.values())),
        notes=(*told, *(_notes(module, matched.values()) if layout != "torch" else ())),
    )


def none_matches(module: nn.Module, values: Mapping[str, np.ndarray]) -> bool:
    """Whether no weight has a place in the module by its name."""
    targets = {name: None for name in module.state_dict() if _counts(name)}
    return not any(_target(name, targets) for name in values)


def _of_optimizer(unused: Collection[str], known: Collection[str]) -> set[str]:
    """Of the names nobody took, the optimizer's: "<parameter>/Adam_1" as TensorFlow names slots, and counters."""
    slots = {name for name in unused if name.rpartition("/")[0] in known and not name.endswith(_AVERAGE)}
    return slots | {name for name in unused if _COUNTER.search(name)}


def _notes(module: nn.Module, targets: Iterable[str]) -> tuple[str, ...]:
    """What weights do not tell of the layers they came from."""
    owners = dict.fromkeys(target.rpartition(".")[0] for target in targets)
    norms = [name for name in owners if getattr(module.get_submodule(name), "eps", None) == _TORCH_EPSILON]
    norms = [name for name in norms if isinstance(module.get_submodule(name), _BATCH_NORMS)]
    if not norms:
        return ()
    named = ", ".join(norms[:3]) + (", ..." if len(norms) > 3 else "")
    return (
        f"torch's own eps of {_TORCH_EPSILON:g} stands in {len(norms)} batch norm{'s' * (len(norms) > 1)} ({named}); "
        "weights do not hold it, and TensorFlow's layers have 0.001: BatchNorm2d(..., eps=1e-3)",
    )


def _counts(name: str) -> bool:
    return not name.endswith("num_batches_tracked")


def _target(name: str | None, targets: Mapping[str, object]) -> str | None:
    if name is None or name in targets:
        return name
    scope, _, last = name.replace("/", ".").rpartition(".")
    candidates = (f"{scope}.{word}".removeprefix(".") for word in (last, _LAST_WORDS.get(last, last)))
    return next((candidate for candidate in candidates if candidate in targets), None)


def _fitted(
    module: nn.Module, target: str, value: np.ndarray, place: Place, layouts: Mapping[str, Layout]
) -> np.ndarray:
    """The value in the layout of the module that owns the target."""
    if place.turn:
        return turned(value, place.turn)
    owner, role = _owner(module, target)
    return _as_torch(owner, value) if role and layouts[role] == "tensorflow" else value


def _squeezed(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The value without axes of a single number, where only they keep it from fitting."""
    same = value.shape != shape and [n for n in value.shape if n != 1] == [n for n in shape if n != 1]
    return value.reshape(shape) if same and value.ndim != len(shape) else value


def _owner(module: nn.Module, target: str) -> tuple[nn.Module, str | None]:
    """The module a parameter belongs to, and what its axes mean: "dense", "conv" or None: nothing special."""
    scope, _, last = target.rpartition(".")
    owner = module.get_submodule(scope)
    if last != "weight" or type(owner) not in _TURNS:
        return owner, None
    return owner, "dense" if isinstance(owner, nn.Linear) else "conv"


def _as_torch(owner: nn.Module, value: np.ndarray) -> np.ndarray:
    """A value of TensorFlow's layout in torch's; one with another number of axes as it is."""
    has = 2 if isinstance(owner, nn.Linear) else np.ndim(getattr(owner, "weight").detach().numpy())  # noqa: B009
    return _TURNS[type(owner)](owner, value) if value.ndim == has else value


def _layouts(
    module: nn.Module, matched: Mapping[str, tuple[str, np.ndarray]], said: Layout | None
) -> tuple[dict[str, Layout], tuple[str, ...]]:
    """The layouts of the file's convolutions and dense layers, and what is to be said about them."""
    if said is not None:
        return {"conv": said, "dense": said}, ()
    found: dict[str, Layout] = {}
    notes: list[str] = []
    for role, word in (("conv", "convolutions"), ("dense", "dense layers")):
        own = {s: (t, value) for s, (t, value) in matched.items() if _owner(module, t)[1] == role}
        if not own:
            continue
        found[role], how = _layout(module, own, role)
        notes.append(f"{word} taken as {_SAID[role, found[role]]}, by their {how}")
    return found, ("the file does not say its layout: " + "; ".join(notes),) if notes else ()


def _layout(module: nn.Module, own: Mapping[str, tuple[str, np.ndarray]], role: str) -> tuple[Layout, str]:
    """The one layout in which all shapes fit; where both do, the one whose word for weights the file uses."""
    fits: dict[Layout, int] = {"tensorflow": 0, "torch": 0}
    for target, value in own.values():
        owner, _ = _owner(module, target)
        shape = tuple(owner.get_parameter("weight").shape)
        fits["tensorflow"] += _as_torch(owner, value).shape == shape
        fits["torch"] += value.shape == shape
    if fits["tensorflow"] != fits["torch"]:
        return ("tensorflow" if fits["tensorflow"] > fits["torch"] else "torch"), "shapes"
    words = {re.split(r"[./]", source)[-1] for source in own}
    told: set[Layout] = {_WORDS[word][role == "dense"] for word in words if word in _WORDS}
    if len(told) == 1:
        return told.pop(), "names"
    raise BadArgument(
        f"two layouts fit the file's {role} weights, and nothing tells which it is",
        expected=f"{_SAID[role, 'tensorflow']} or {_SAID[role, 'torch']}",
        got=", ".join(f"{source} {value.shape}" for source, (_, value) in list(own.items())[:3]),
        fix="say it: rename={'old name': {'to': 'new name', 'turn': 'i o -> o i'}}, or `regraft match` with a sample",
    )


def _linear(_: nn.Module, value: np.ndarray) -> np.ndarray:
    return value.T


def _conv(owner: nn.Module, value: np.ndarray) -> np.ndarray:
    """(*places in out) -> (out in *places); a depthwise (h w c m) -> (c*m 1 h w)."""
    places = range(value.ndim - 2)
    if isinstance(owner, nn.Conv2d) and owner.groups > 1 and value.shape[-2] == owner.groups:
        return value.transpose(2, 3, 0, 1).reshape(owner.out_channels, 1, *value.shape[:2])
    return value.transpose(value.ndim - 1, value.ndim - 2, *places)


def _transposed_conv(_: nn.Module, value: np.ndarray) -> np.ndarray:
    """(*places out in) -> (in out *places)."""
    return value.transpose(value.ndim - 1, value.ndim - 2, *range(value.ndim - 2))


_TURNS: Mapping[type[nn.Module], Callable[[nn.Module, np.ndarray], np.ndarray]] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.ConvTranspose2d: _transposed_conv,
}


def _check(fitted: Mapping[str, np.ndarray], matched: Mapping[str, str], targets: Mapping[str, torch.Tensor]) -> None:
    wrong = [s for s, value in fitted.items() if tuple(targets[matched[s]].shape) != value.shape]
    if wrong:
        raise ShapeMismatch(
            f"{len(wrong)} of the file's weights do not fit the module; nothing was changed",
            expected="; ".join(f"{matched[s]} {tuple(targets[matched[s]].shape)}" for s in wrong[:5]),
            got="; ".join(f"{s} {fitted[s].shape}" for s in wrong[:5]),
            fix="leave them out: rename={'old name': 'not used'}",
        )
    doubled = [t for t in set(matched.values()) if list(matched.values()).count(t) > 1]
    if doubled:
        raise BadArgument(f"several of the file's weights would go into {', '.join(sorted(doubled))}")
