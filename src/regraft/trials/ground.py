"""What a search is about: a network, its cuts and the data, with all that every stage needs of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch

from regraft.data import Part, Splits, View, prepare
from regraft.data.splits import said_of
from regraft.data.windows import text_windows
from regraft.errors import BadArgument
from regraft.features import Engine, Place, cache_folder, extract
from regraft.network import GraphNetwork, InputSpec, Plan
from regraft.network.flow import ancestors
from regraft.network.surgery import Graft, graft
from regraft.run import Progress
from regraft.tasks.crf import informed
from regraft.tasks.defaults import settings_for
from regraft.tasks.inputs import only_input, settled
from regraft.tasks.rows import InputRows
from regraft.tasks.tagging import divided, of_one_window, rows_of, targets
from regraft.train.learner import Rows, device_of
from regraft.train.settings import Settings
from regraft.trials.augmentation import Augmentation, SeenRows
from regraft.trials.budget import Budget
from regraft.trials.folds import Folds, folds
from regraft.trials.levels import Level, survey
from regraft.trials.schemes import Scheme, cuts_of
from regraft.trials.stored import Stored, parts

_MEMORY = 2**30  # bytes that a step may keep of what it computed, for the way back
_COPIES = ("parameter", "constant", "input", "item", "select", "identity")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user may choose of a search.

    Attributes:
        schemes: what is tried; None: what the recipe proposes.
        budget: what it may cost.
        augmentation: how training pictures are looked at.
        seed: of the split, the folds, fresh weights, views and the order of examples.
        name: what the source is called; None: by its format.
        given: flags that say how it is opened and fed, for who trains the winner again.
    """

    schemes: tuple[Scheme, ...] | None = None
    budget: Budget = Budget()  # noqa: RUF009 - frozen
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 - frozen
    seed: int = 0
    name: str | None = None
    given: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What is searched.

    Attributes:
        network: the source, with its input described.
        surveyed: the same with the vectors of all cuts as outputs.
        levels: its cuts from input to output; the last is the bottleneck.
        name: what the source is called, if anything.
        given: flags that say how it is opened and fed.
    """

    network: GraphNetwork
    surveyed: GraphNetwork
    levels: tuple[Level, ...]
    spec: InputSpec
    splits: Splits
    folds: Folds
    place: Place
    augmentation: Augmentation
    seed: int
    device: torch.device
    name: str | None
    given: tuple[str, ...]

    @property
    def tagged(self) -> bool:
        """Whether it is words that are told apart."""
        return self.splits.train.tags is not None

    @property
    def flops(self) -> int:
        """What the network up to its bottleneck takes for one example."""
        return max(1, self.levels[-1].flops)

    @property
    def rows_of_all(self) -> int:
        """How many rows one pass computes: examples, or the windows in which texts are read."""
        windows = [(text_windows(part.examples, self.spec), part) for part in parts(self.splits)]
        return sum(len(own.part(part)) if own else len(part) for own, part in windows)

    @property
    def rows_of_views(self) -> int:
        """How many more are computed for views: all crops of the training part, and the validation part mirrored."""
        if self.augmentation.kind == "off":
            return 0
        return self.augmentation.crops * len(self.splits.train) + len(self.splits.validation)

    @property
    def middle(self) -> Level:
        """The cut in the middle of the network, if it has several."""
        return self.levels[max(0, len(self.levels) // 2 - 1)]

    @property
    def beside(self) -> tuple[str, ...]:
        """What goes round every cut: tokens, which tell how long their texts are."""
        return (self.spec.name,) if self.spec.layout == "tokens" else ()

    @property
    def crossing(self) -> Folds | None:
        """The folds that dense heads are chosen by; None where the validation part decides alone.

        It does where it is large, and where heads learn from several views, which folds have none of.
        """
        return self.folds if self.folds.crossed > 1 and self.augmentation.kind != "cached" else None

    def graft(self, plan: Plan, network: GraphNetwork | None = None) -> Graft:
        """A plan carried out, for the classes of the data."""
        classes, each_place = len(self.splits.classes), self.tagged
        grafted = graft(network or self.network, plan, classes=classes, seed=self.seed, each_place=each_place)
        return replace(grafted, network=informed(grafted, self.splits.train))

    def settings(self, grafted: Graft, given: Mapping[str, Any]) -> Settings:
        """The settings given, and good ones for what a graft leaves to be trained on the data."""
        return settings_for(grafted, rows_of(self.splits.train, grafted), {"seed": self.seed, **given})

    def stored(
        self, network: GraphNetwork, tensors: Sequence[str], splits: Splits, engine: Engine, progress: Progress
    ) -> Stored:
        """What one pass of a network over all examples gives."""
        different = {id(part.examples): part.examples for part in parts(splits)}
        features = {
            key: extract(network, tensors, examples, self.spec, self.place, progress, engine, within=self.tagged)
            for key, examples in different.items()
        }
        return Stored(splits=splits, features=features, spec=self.spec)

    def level_of(self, cut: str) -> Level:
        """The level at a cut.

        Raises:
            BadArgument: no head can stand on it.
        """
        found = next((level for level in self.levels if level.cut == cut), None)
        if found is None:
            raise BadArgument(f"no head can stand on {cut}", fix="cut where the bottleneck or a block ends")
        return found

    def flops_below(self, tensors: Sequence[str]) -> int:
        """What computing some tensors of the network from its input takes for one example."""
        known = self.network.tensors
        below = ancestors(self.network.nodes, [name for name in tensors if name in self.network.nodes])
        return sum(known[name].flops for name in below if name in known)

    def batch(self, features: Sequence[str]) -> int:
        """How many examples a training above some features may look at in a step: 32, or as few as memory wants."""
        below = ancestors(self.network.nodes, [name for name in features if name in self.network.nodes])
        kept = [
            prod(size or 1 for size in (tensor.shape or ())[1:])
            for name, tensor in self.network.tensors.items()
            if name not in below and self.network.nodes[name].function not in _COPIES
        ]
        return next(size for size in (32, 16, 8, 4) if size == 4 or size * 4 * sum(kept) <= _MEMORY)

    def inputs(self, wanted: Sequence[str], stored: Collection[str]) -> tuple[str, ...]:
        """The tensors to compute `wanted` from: themselves if stored, else the highest stored cut, else the input."""
        if set(wanted) <= set(stored):
            return tuple(wanted)
        below = ancestors(self.network.nodes, [name for name in wanted if name in self.network.nodes])
        cuts = [level.cut for level in self.levels if level.cut in stored and level.cut in below]
        return (*self.beside, cuts[-1]) if cuts else (self.spec.name,)

    def training(self, inputs: Sequence[str], stored: Stored) -> Rows:
        """Rows of the training part for some `inputs`, augmented; windows of longer texts are rows by themselves."""
        if tuple(inputs) != (self.spec.name,):
            return stored.training(inputs, whole=False)
        if self.augmentation.kind == "off":
            return self.inputs_of(self.splits.train)
        return SeenRows(self.splits.train, self.spec, self.augmentation, self.seed)

    def rows(self, part: Part, inputs: Sequence[str], stored: Stored) -> Rows:
        """Rows of a part for some `inputs`, as they are."""
        if tuple(inputs) == (self.spec.name,):
            return self.inputs_of(part)
        return stored.rows(part, inputs, whole=False)

    def inputs_of(self, part: Part) -> Rows:
        """Rows of a part for the network's input."""
        return InputRows(part, self.spec, targets(part, self.spec))


def ground_of(network: GraphNetwork, splits: Splits, input: str | None, choices: Choices, progress: Progress) -> Ground:
    """The ground of a search, with all that is chosen about it said.

    Raises:
        RegraftError: the network has no cut a head can stand on, or the data do not fit its input.
    """
    tagged = splits.train.tags is not None
    if not tagged:
        splits.train.examples.require_classes()
    for line in said_of(splits):
        progress.say(line)
    given = only_input(network, [network.last_sequence() if tagged else network.bottleneck()])
    spec = settled(network, given, splits.train, input, progress, one_length=not tagged)
    if tagged:
        spec = of_one_window(spec, splits.train.examples, progress)
        splits = divided(splits, spec)
    if choices.augmentation.kind != "off":  # what has no views is refused before anything is computed
        prepare(splits.train.examples, splits.train.indices[:1], spec, View(number=1))
    network = network.with_input(spec)
    named = [network.resolve(name) for name in cuts_of(choices.schemes or ())]
    surveyed, levels = survey(network, named, each_place=tagged)
    device = device_of("auto")
    return Ground(
        network=network,
        surveyed=surveyed,
        levels=levels,
        spec=spec,
        splits=splits,
        folds=folds(splits, choices.seed),
        place=Place(root=cache_folder(), device=str(device)),
        augmentation=choices.augmentation,
        seed=choices.seed,
        device=device,
        name=choices.name,
        given=choices.given,
    )
