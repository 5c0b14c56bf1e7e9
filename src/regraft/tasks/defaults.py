"""Training settings that fit a plan, where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.network.surgery import Graft
from regraft.tasks.linear import linear_head
from regraft.train.settings import Settings

# A linear head settles after so many looks at an example; few examples are looked at more often, many less.
_LOOKS, _MOST, _FEWEST = 300_000, 60, 10
# The step of a linear head is _STEP divided by its width d. Its penalty is d / (SPREAD * examples): whatever the width,
# logits are then expected to spread by about the root of it. Both were measured against scikit-learn's
# LogisticRegression on features and logits of MobileNetV1, digits, and narrow features, 50 splits in all:
# at worst 0.7 points below it, 0.3 above it in the mean.
_STEP, _LARGEST_STEP = 3.0, 0.1
SPREAD = 30.0
_PATIENCE = 10


def settings_for(graft: Graft, examples: int, given: Settings | Mapping[str, Any] | None) -> Settings:
    """The settings given, or good ones for the plan with some of them set.

    - One dense layer on frozen features is a convex problem: it is solved, and its last epoch kept.
    - New layers alone get Adam's usual learning rate, and what was learned before a smaller one; the best epoch
      on validation is kept, and the training stops after ten that bring nothing.

    Args:
        examples: how many there are to train on.

    Raises:
        BadArgument: a setting is unknown or cannot be used.
    """
    if isinstance(given, Settings):
        return given
    chosen = _chosen(graft, examples)
    given = dict(given or {})
    if given.get("keep") == "last":
        chosen.pop("patience", None)
    if given.get("patience"):
        chosen.pop("keep", None)
    return Settings.from_json({**chosen, **given})


def _chosen(graft: Graft, examples: int) -> dict[str, Any]:
    linear = linear_head(graft)
    if linear:
        width = graft.network.parameters[linear.kernel].shape[0]
        return {
            "lr": min(_LARGEST_STEP, _STEP / width),
            "epochs": min(_MOST, max(_FEWEST, _LOOKS // examples)),
            "schedule": "cosine",
            "keep": "last",
            "l2": width / (SPREAD * examples),
            "centred": True,
        }
    learned_before = any(row.state == "reused" for row in graft.rows)
    return {"lr": 3e-4 if learned_before else 1e-3, "epochs": 60, "patience": _PATIENCE}
