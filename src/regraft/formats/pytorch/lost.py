"""What a module does in training that a trace of its evaluation does not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from regraft.network.graph import Graph

# Where modules that call `scaled_dot_product_attention` keep the rate of its dropout: timm, transformers and torch.
_RATES = ("attn_drop", "dropout", "attention_dropout", "dropout_p", "attn_dropout", "dropout_prob")
_DROPOUTS = nn.modules.dropout._DropoutNd  # pyright: ignore[reportPrivateUsage]
# Rates of dropping whole paths, as DropPath (timm, transformers) and StochasticDepth (torchvision) have them.
_PATHS = ("DropPath", "StochasticDepth")
_NAMED = 3


def attention_dropouts(module: nn.Module) -> dict[str, float]:
    """Modules with a rate of dropout for their attention, by name; only those with such attention need it."""
    found = {name: _attention_rate(part) for name, part in module.named_modules()}
    return {name: rate for name, rate in found.items() if rate}


def lost_in_evaluation(module: nn.Module, graph: Graph) -> Iterator[str]:
    """What is to be said of a module's training."""
    named = dict(module.named_modules())
    paths = [name for name, part in named.items() if type(part).__name__.endswith(_PATHS) and _path_rate(part)]
    if paths:
        yield f"training here does not drop paths as the module does ({_some(paths)})"
    random = {node.name for node in graph.nodes}
    drops = [
        name for name, part in named.items() if isinstance(part, _DROPOUTS) and part.p and not _stands(name, random)
    ]
    mixing = [node.name.removesuffix("/dropped") for node in graph.nodes if node.function == "attention_dropout"]
    owners = {name if name in named else name.rpartition("/")[0] for name in mixing}
    drops = [name for name in drops if name.rpartition(".")[0] not in owners]
    if drops:
        yield f"training here does not use the dropout of {_some(drops)}"
    parameters = {node.args[0] for node in graph.nodes if node.function == "parameter"}
    shared = {id(p) for name, p in module.named_parameters(remove_duplicate=False) if name in parameters}
    unused = [name for name, p in module.named_parameters() if name not in parameters and id(p) not in shared]
    if unused:
        yield f"{len(unused)} parameters are not read in evaluation and are left out ({_some(unused)})"


def _attention_rate(part: nn.Module) -> float:
    if isinstance(part, _DROPOUTS):
        return 0.0
    for name in _RATES:
        rate: Any = getattr(part, name, None)
        rate = rate.p if isinstance(rate, _DROPOUTS) else rate
        if isinstance(rate, float) and 0 < rate < 1:
            return rate
    return 0.0


def _path_rate(part: Any) -> float:
    rate = getattr(part, "drop_prob", None)
    return float((getattr(part, "p", 0.0) if rate is None else rate) or 0.0)


def _stands(name: str, nodes: set[str]) -> bool:
    return f"{name}/dropped" in nodes or any(node.startswith((f"{name}/dropout/dropped", f"{name}@")) for node in nodes)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
