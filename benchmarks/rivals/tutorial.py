"""Schemes tried by hand, as PyTorch's tutorial on transfer learning trains a network.

`one_by_one` runs every photo through the whole network in every epoch. `cached` runs the frozen part once for each
scheme and trains the rest from its outputs, with channels last in memory: the same numbers in less time, but nothing is
shared between schemes. `shared` tells what schemes are worth, not what they take: it runs each frozen part once for
all, and on a GPU where there is one. All keep the epoch that is best on validation. Photos are not augmented: else
there would be nothing to cache.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from benchmarks.rivals.photos import DATA, Fold, Labelled
from benchmarks.rivals.schemes import Scheme, halves

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP = 224 / 232  # the middle share of a photo that torchvision's transforms for these weights keep


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all schemes are tried on."""

    fold: Fold
    pixels: int
    seed: int
    workers: int = 2  # processes that decode
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one scheme; times in seconds.

    Attributes:
        before: until the first epoch began.
        epochs: each with its look at validation.
        after: the test part.
        validation: accuracy and loss after each epoch.
        predictions: of the test part, by the best epoch.
    """

    name: str
    before: float
    epochs: list[float]
    after: float
    validation: list[tuple[float, float]]
    predictions: list[int]

    def seconds(self, epochs: int) -> float:
        """The time of so many epochs, scaled from those that were run."""
        return self.before + epochs * sum(self.epochs) / len(self.epochs) + self.after

    @property
    def best(self) -> tuple[float, float]:
        """What the scheme is chosen by, the larger the better: accuracy, then loss."""
        return max((accuracy, -loss) for accuracy, loss in self.validation)


class Photos(Dataset[tuple[Tensor, int]]):
    """Decoded anew each time one is asked for."""

    def __init__(self, photos: Labelled, pixels: int) -> None:
        self._photos = photos
        self._transform = transforms.Compose(
            [
                transforms.Resize(round(pixels / CROP)),
                transforms.CenterCrop(pixels),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        name, label = self._photos[index]
        with Image.open(DATA / name) as photo:
            return self._transform(photo.convert("RGB")), label


def one_by_one(scheme: Scheme, job: Job, epochs: int) -> Outcome:
    """Train a scheme with every photo through the whole network in every epoch."""
    start = time.perf_counter()
    frozen, trained = halves(scheme, len(job.fold.classes), job.seed)
    parts = {name: Photos(photos, job.pixels) for name, photos in _parts(job.fold).items()}
    return _Loop(scheme, job, parts, trained, lambda rows: trained(frozen(rows)), job.workers).run(epochs, start)


def cached(scheme: Scheme, job: Job, epochs: int) -> Outcome:
    """Train a scheme from what its frozen part gives, computed once for it and kept in memory."""
    return _from_outputs(scheme, job, epochs, {})


def shared(schemes: Sequence[Scheme], job: Job) -> list[Outcome]:
    """Train all schemes; of their seconds only those of the first are what such a scheme takes."""
    known: dict[int, dict[str, TensorDataset]] = {}
    return [_from_outputs(scheme, job, scheme.epochs, known) for scheme in schemes]


def _from_outputs(scheme: Scheme, job: Job, epochs: int, known: dict[int, dict[str, TensorDataset]]) -> Outcome:
    """Train a scheme from what its frozen part gives; `known` holds that by how many blocks are frozen."""
    start = time.perf_counter()
    frozen, trained = halves(scheme, len(job.fold.classes), job.seed)
    trained.to(job.device, memory_format=torch.channels_last)
    if len(frozen) not in known:
        frozen.to(job.device)
        known[len(frozen)] = {name: _outputs(frozen, photos, job) for name, photos in _parts(job.fold).items()}

    def forward(rows: Tensor) -> Tensor:
        return trained(rows.to(job.device, memory_format=torch.channels_last)).cpu()

    return _Loop(scheme, job, known[len(frozen)], trained, forward, 0).run(epochs, start)


def _parts(fold: Fold) -> dict[str, Labelled]:
    return {"train": fold.train, "validation": fold.validation, "test": fold.test}


def _outputs(frozen: nn.Module, photos: Labelled, job: Job) -> TensorDataset:
    loader = DataLoader(Photos(photos, job.pixels), batch_size=32, num_workers=job.workers)
    with torch.no_grad():
        found = [(frozen(rows.to(job.device)).cpu(), labels) for rows, labels in loader]
    return TensorDataset(*map(torch.cat, zip(*found, strict=True)))


def _optimizer(scheme: Scheme, network: nn.Module) -> torch.optim.Optimizer:
    weights, lr = list(network.parameters()), scheme.settings["lr"]
    return {
        "sgd": lambda: torch.optim.SGD(weights, lr=lr),
        "momentum": lambda: torch.optim.SGD(weights, lr=lr, momentum=0.9),
        "adam": lambda: torch.optim.Adam(weights, lr=lr),
    }[scheme.settings["optimizer"]]()


class _Loop:
    """Train an epoch, look at validation, keep the best; at the end look at the test part."""

    def __init__(
        self,
        scheme: Scheme,
        job: Job,
        parts: Mapping[str, Dataset],
        trained: nn.Module,
        forward: Callable[[Tensor], Tensor],
        workers: int,
    ) -> None:
        self._scheme, self._trained, self._forward = scheme, trained, forward
        self._optimizer = _optimizer(scheme, trained)
        order = torch.Generator().manual_seed(job.seed)
        self._loaders = {
            name: DataLoader(
                part,
                batch_size=scheme.settings["batch"],
                shuffle=name == "train",
                num_workers=workers,
                generator=order if name == "train" else None,
            )
            for name, part in parts.items()
        }

    def run(self, epochs: int, start: float) -> Outcome:
        times, validation, best, kept = [time.perf_counter()], list[tuple[float, float]](), (0.0, 0.0), {}
        for _ in range(epochs):
            self._epoch()
            logits, labels = self._judged("validation")
            accuracy = (logits.argmax(1) == labels).float().mean().item()
            loss = nn.functional.cross_entropy(logits, labels).item()
            validation.append((accuracy, loss))
            if not kept or (accuracy, -loss) > best:
                best, kept = (accuracy, -loss), copy.deepcopy(self._trained.state_dict())
            times.append(time.perf_counter())
        self._trained.load_state_dict(kept)
        predictions = self._judged("test")[0].argmax(1).tolist()
        return Outcome(
            name=self._scheme.name,
            before=times[0] - start,
            epochs=[end - begin for begin, end in itertools.pairwise(times)],
            after=time.perf_counter() - times[-1],
            validation=validation,
            predictions=predictions,
        )

    def _epoch(self) -> None:
        self._trained.train()
        if self._scheme.plan.get("freeze_statistics"):
            for layer in self._trained.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        for rows, labels in self._loaders["train"]:
            self._optimizer.zero_grad()
            nn.functional.cross_entropy(self._forward(rows), labels).backward()
            self._optimizer.step()

    def _judged(self, part: str) -> tuple[Tensor, Tensor]:
        self._trained.eval()
        with torch.no_grad():
            found = [(self._forward(rows), labels) for rows, labels in self._loaders[part]]
        logits, labels = zip(*found, strict=True)
        return torch.cat(logits), torch.cat(labels)
