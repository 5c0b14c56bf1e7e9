"""A linear-chain conditional random field: tags of a sentence told together, each rated beside the one before.

Shapes: n sentences, m words of the longest, w words of all, k tags. A row or column k of what is (k+1 k+1) is what lies
outside of a sentence: the row stands before the first word, the column behind the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from regraft.data import Part
from regraft.data.iob import may_follow
from regraft.network import GraphNetwork
from regraft.network.chains import chain_of
from regraft.network.surgery import Graft

_UNSEEN = 0.1  # times that a tag behind another is counted in advance
_LEAST = float(np.log(np.finfo(np.float32).tiny))  # of a logit: what cannot be is no reason for an infinite loss


def crf_of(network: GraphNetwork, output: str) -> Crf | None:
    """That of an output, with the network's own weights; None where each word is told by itself."""
    chain = chain_of(network, output)
    if chain is None:
        return None
    return Crf(transitions=network.weights[chain.transitions], possible=network.weights[chain.possible])


def informed(graft: Graft, part: Part) -> GraphNetwork:
    """The network of a graft, a new crf of which begins with what the tags of a part say without their words.

    That is which of them never follow each other, by their names, and how often each follows each: with small learning
    rates, as they are taken for what was learned before, it would hardly find that out.
    """
    chain = chain_of(graft.network, graft.logits)
    new = {row.parameter for row in graft.rows if row.state == "new"}
    if chain is None or chain.transitions not in new:
        return graft.network
    shares = _shares(part, len(part.examples.classes))
    return graft.network.assign({chain.possible: may_follow(part.examples.classes), chain.transitions: np.log(shares)})


def _shares(part: Part, outside: int) -> np.ndarray:
    """How often what is in a row is followed by what is in a column (k+1 k+1); each row adds up to 1."""
    counts = np.full((outside + 1, outside + 1), _UNSEEN)
    for tags in part.tags.rows() if part.tags else ():
        np.add.at(counts, (np.append(outside, tags), np.append(tags, outside)), 1)
    return counts / counts.sum(1, keepdims=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crf:
    """How tags in a row are rated; the score of a tagging is the sum of those of its words and of its steps.

    Attributes:
        transitions: (k+1 k+1), of a step from a row's tag to a column's.
        possible: bool (k+1 k+1), which steps there are when the best tagging is looked for.
    """

    transitions: Tensor
    possible: Tensor

    def loss(self, scores: Tensor, tags: Tensor, counts: Sequence[int]) -> Tensor:
        """The negative logarithm of how likely the true taggings are among all others, for each word.

        Where all steps are rated alike it is the cross entropy of the words.

        Args:
            scores: (w k), of the words of sentences one after another.
            tags: (w), the true ones.
            counts: (n), how many words each sentence has, at least 1.
        """
        return (self._all(scores, counts) - self._one(scores, tags, counts)) / len(tags)

    @torch.no_grad()
    def best(self, scores: Tensor, counts: Sequence[int]) -> Tensor:
        """For each word and tag the best tagging of its sentence with that tag, as logits (w k) of 64 bits.

        The greatest of each word make up the best tagging (Viterbi's); a tag that no possible one has is as good as
        never. Where all steps are rated alike these are the logits of the words by themselves.

        Args:
            scores, counts: as for `loss`; a sentence may have no words.
        """
        counts = [count for count in counts if count]
        if not counts:
            return scores.double()
        steps = torch.where(self.possible, self.transitions.double(), -torch.inf).to(scores.device)
        rows, inside = _padded(scores.double(), counts)
        before, behind = _ahead(rows, steps), _back(rows, steps, inside)
        return (before + behind)[inside].log_softmax(1).clamp(min=_LEAST)

    def _all(self, scores: Tensor, counts: Sequence[int]) -> Tensor:
        """The logarithm of the sum over all taggings, of all sentences together."""
        rows, inside = _padded(scores, counts)
        reached = self.transitions[-1, :-1] + rows[:, 0]
        for at in range(1, rows.shape[1]):
            onward = (reached.unsqueeze(2) + self.transitions[:-1, :-1]).logsumexp(1) + rows[:, at]
            reached = torch.where(inside[:, at, None], onward, reached)
        return (reached + self.transitions[:-1, -1]).logsumexp(1).sum()

    def _one(self, scores: Tensor, tags: Tensor, counts: Sequence[int]) -> Tensor:
        """The score of one tagging, of all sentences together."""
        outside = len(self.transitions) - 1
        ends = torch.tensor(counts, device=tags.device).cumsum(0)
        before = torch.cat([tags.new_tensor([outside]), tags[:-1]])
        before[ends[:-1]] = outside
        of_words = scores.gather(1, tags.unsqueeze(1)).sum()
        return of_words + self.transitions[before, tags].sum() + self.transitions[tags[ends - 1], outside].sum()


def _padded(scores: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The words sentence by sentence (n m k), and which of these are some (n m)."""
    rows = pad_sequence(list(scores.split(list(counts))), batch_first=True)
    ends = torch.tensor(counts, device=scores.device)
    return rows, torch.arange(rows.shape[1], device=scores.device) < ends.unsqueeze(1)


def _ahead(rows: Tensor, steps: Tensor) -> Tensor:
    """The best score (n m k) from the first word up to each word with each tag."""
    found = [steps[-1, :-1] + rows[:, 0]]
    for at in range(1, rows.shape[1]):
        found.append((found[-1].unsqueeze(2) + steps[:-1, :-1]).amax(1) + rows[:, at])
    return torch.stack(found, 1)


def _back(rows: Tensor, steps: Tensor, inside: Tensor) -> Tensor:
    """The best score (n m k) of what comes behind each word with each tag."""
    last = steps[:-1, -1].expand_as(rows[:, 0])
    found = [last]
    for at in range(rows.shape[1] - 1, 0, -1):
        before = (steps[:-1, :-1] + (rows[:, at] + found[-1]).unsqueeze(1)).amax(2)
        found.append(torch.where(inside[:, at, None], before, last))
    return torch.stack(found[::-1], 1)
