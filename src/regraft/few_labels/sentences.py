"""Texts as points: what a sentence encoder makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.data.tokens import encoded
from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.network.graph import SENTENCE
from regraft.tasks.inputs import only_input

AS_IT_IS = "{}"  # the template that adds nothing

_BATCH = 32


class Sentences:
    """A text encoder as a function from texts to points (n d) float32 of length 1."""

    def __init__(self, network: GraphNetwork, templates: Sequence[str] = (AS_IT_IS,)) -> None:
        """Take a network that makes points of sentences.

        Args:
            network: what `regraft.open` gives for `hf:FOLDER`.
            templates: what the name or the description of a class is put into ("a photo of a {}").

        Raises:
            BadArgument: the network makes no points of sentences, no tokenizer came with it, or a template has no place
                for the class.
        """
        if SENTENCE not in network.outputs:
            raise BadArgument(
                "this network makes no points of sentences",
                expected=f"an output {SENTENCE}, as hf:FOLDER of a text encoder gives it",
                got=", ".join(network.outputs),
            )
        for template in templates:
            if AS_IT_IS not in template:
                raise BadArgument(
                    "a template has no place for the class", expected="{} in it: 'a photo of a {}'", got=template
                )
        self._templates = templates
        self._network = network.towards(SENTENCE)
        self._spec = only_input(network, [SENTENCE])

    def points(self, texts: Sequence[str]) -> np.ndarray:
        """The points of texts; what a text has beyond the tokens that are read does not count."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return of_length_1(np.concatenate([self._network.run(encoded(batch, self._spec)) for batch in batches]))

    def described(self, texts: Sequence[str]) -> np.ndarray:
        """The points of classes by their names or descriptions: the means over all templates."""
        filled = [[template.replace(AS_IT_IS, text) for text in texts] for template in self._templates]
        return of_length_1(np.mean([self.points(one) for one in filled], axis=0))


def of_length_1(points: np.ndarray) -> np.ndarray:
    """Points (n d) at the same angles."""
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
