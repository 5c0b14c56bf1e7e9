"""Weights of a file put into a user's own torch module, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from regraft.errors import BadArgument, ShapeMismatch, nearest_names
from regraft.network.naming import renamed

# What TensorFlow's layers call their variables, and torch's modules theirs.
_LAST_WORDS = {
    "kernel": "weight",
    "weights": "weight",
    "depthwise_weights": "weight",
    "depthwise_kernel": "weight",
    "biases": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

# What TensorFlow's optimizers keep beside their slots; a moving average of the weights is none of theirs.
_COUNTER = re.compile(r"(^|/)(beta[12]_power|global_step)(_\d+)?$")
_AVERAGE = "/ExponentialMovingAverage"

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
    rename: Mapping[str, str] | None = None,
    *,
    as_torch: Collection[str] = (),
) -> Loaded:
    """Copy weights into a module's parameters and buffers, turned from TensorFlow's layout into torch's.

    A name is first renamed (`rename`: old name as a full-match regex -> new name); then "hidden1/kernel"
    also finds "hidden1.weight". Dense kernels (in out) are transposed, convolutions (h w in out) become
    (out in h w), depthwise ones (h w c m) become (c*m 1 h w).

    Args:
        as_torch: names of values that lie as torch wants them already.

    Raises:
        BadArgument: nothing matches.
        ShapeMismatch: something matches by name but not by shape; nothing has been changed.
    """
    targets = {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if _counts(name)}
    matched = {source: target for source in values if (target := _target(renamed(source, rename or {}), targets))}
    turned = {
        source: values[source] if source in as_torch else _turned(module, target, values[source])
        for source, target in matched.items()
    }
    _check(turned, matched, targets)
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
            targets[target].copy_(torch.from_numpy(np.array(turned[source])))
    counts = {name: tensor.numel() for name, tensor in targets.items()}
    return Loaded(
        matched=matched,
        unused=tuple(name for name in values if name not in matched),
        untouched=tuple(name for name in targets if name not in set(matched.values())),
        percent=100 * sum(counts[name] for name in set(matched.values())) / max(1, sum(counts.values())),
        notes=_notes(module, matched.values()),
    )


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


def _target(name: str, targets: Mapping[str, object]) -> str | None:
    if name in targets:
        return name
    scope, _, last = name.replace("/", ".").rpartition(".")
    candidate = f"{scope}.{_LAST_WORDS.get(last, last)}".removeprefix(".")
    return candidate if candidate in targets else None


def _turned(module: nn.Module, target: str, value: np.ndarray) -> np.ndarray:
    """The value in the layout of the module that owns the target."""
    scope, _, last = target.rpartition(".")
    turn = _TURNS.get(type(module.get_submodule(scope))) if last == "weight" else None
    return turn(module.get_submodule(scope), value) if turn else value


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


def _check(turned: Mapping[str, np.ndarray], matched: Mapping[str, str], targets: Mapping[str, torch.Tensor]) -> None:
    wrong = [s for s, value in turned.items() if tuple(targets[matched[s]].shape) != value.shape]
    if wrong:
        raise ShapeMismatch(
            f"{len(wrong)} of the file's weights do not fit the module; nothing was changed",
            expected="; ".join(f"{matched[s]} {tuple(targets[matched[s]].shape)}" for s in wrong[:5]),
            got="; ".join(f"{s} {turned[s].shape}" for s in wrong[:5]),
            fix="leave them out: rename={'old name': 'not used'}",
        )
    doubled = [t for t in set(matched.values()) if list(matched.values()).count(t) > 1]
    if doubled:
        raise BadArgument(f"several of the file's weights would go into {', '.join(sorted(doubled))}")
