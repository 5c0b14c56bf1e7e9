"""PyTorch: modules (timm, torchvision, transformers, your own) and exported programs (.pt2), traced by torch.export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.formats.pytorch.archive import is_archive as opens

if TYPE_CHECKING:
    from torch import nn

    from regraft.formats.pytorch.sources import Native
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights

__all__ = [
    "class_names",
    "imagenet_accuracy",
    "licence",
    "model_names",
    "native",
    "opens",
    "read",
    "read_module",
    "read_native",
    "read_weights",
]


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """The network of an exported program (.pt2). Nothing in the file is run or unpickled.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: weights are pickled, or claim more than the file holds.
        UnsupportedFormat: a form of the format that regraft does not read.
        UnsupportedOp: it needs operations regraft cannot run.
    """
    from regraft.formats.pytorch.reading import network_of_file

    network = network_of_file(path)
    return network if to is None else network.towards(*to)


def read_weights(path: Path) -> Weights:
    """The weights of an exported program by name; raises what `read` does."""
    from regraft.formats.pytorch.reading import weights_of_file

    return weights_of_file(path)


def read_module(module: nn.Module, sample: Any, *, free: int = 1, format: str = "module") -> GraphNetwork:
    """The network of a torch module, as it runs in evaluation; the module is left as it is.

    Args:
        sample: a batch of its input, a tuple of them, or {name of forward's argument: tensor}.
        free: how many of the first dimensions of each input may change: 1 the batch, 2 the length of a text too.

    Raises:
        UnsupportedFormat: it cannot be traced for any batch.
        UnsupportedOp: it needs operations regraft cannot run.
    """
    from regraft.formats.pytorch.reading import network_of

    return network_of(module, sample, free=free, format=format)


def native(package: str, name: str, *, pretrained: bool, create: Mapping[str, Any]) -> Native:
    """The module at an address, `package` being "timm", "torchvision" or "hf", and how it is fed.

    Args:
        pretrained: with the hub's weights; else with random ones, always the same.
        create: how else it is created than the package does by itself ({"num_classes": 1001}).

    Raises:
        MissingExtra: the package is not installed.
        UnknownName: it has no such model.
        MissingFile: its hub cannot be reached.
    """
    from regraft.formats.pytorch import sources

    return sources.native(package, name, pretrained=pretrained, create=create)


def read_native(native: Native, *, format: str) -> GraphNetwork:
    """The network of a package's module; raises what `read_module` does."""
    from regraft.formats.pytorch.reading import network_of_native

    return network_of_native(native, format)


def class_names(package: str, name: str) -> list[str] | None:
    """The names of the classes a package publishes for a model; None where it does not."""
    from regraft.formats.pytorch import sources

    return sources.class_names(package, name)


def imagenet_accuracy(package: str, name: str) -> float | None:
    """The share of ImageNet's pictures a model's published weights tell right; None where the package does not say."""
    from regraft.formats.pytorch import sources

    return sources.imagenet_accuracy(package, name)


def licence(package: str, name: str) -> str | None:
    """The licence of a model's published weights; None where the package does not say."""
    from regraft.formats.pytorch import sources

    return sources.licence(package, name)


def model_names(package: str, pattern: str) -> list[str]:
    """The names of the models of a package whose weights are published, by a pattern; raises what `sources` does."""
    from regraft.formats.pytorch import sources

    return sources.model_names(package, pattern)
