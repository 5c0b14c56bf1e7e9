from __future__ import annotations

import numpy as np
import torch
from tasks.small import source

from regraft.network import New, Plan
from regraft.network.surgery import Graft, graft
from regraft.tasks.defaults import settings_for
from regraft.tasks.linear import Linear, folded, linear_head
from regraft.tasks.rows import Scaling
from regraft.train.settings import Settings


def made(plan: Plan | None = None) -> Graft:
    return graft(source(), plan or Plan(), classes=3)


def test_one_dense_layer_on_frozen_features_is_linear() -> None:
    assert linear_head(made()) == Linear(kernel="outputs/kernel", bias="outputs/bias")


def test_anything_else_is_not() -> None:
    hidden = Plan(new=(New(kind="dense", width=4, activation="relu"),))
    dropout = Plan(new=(New(kind="dropout"),))
    for plan in (hidden, dropout, Plan(freeze=None), Plan(freeze="one|norm")):
        assert linear_head(made(plan)) is None


def test_folding_moves_the_scaling_into_the_layer() -> None:
    random = np.random.default_rng(0)
    head = Linear(kernel="k", bias="b")
    values = {"k": random.normal(size=(5, 3)), "b": random.normal(size=3), "other": np.ones(2)}
    scaling = Scaling(mean=torch.from_numpy(random.normal(size=5)), spread=2.5)
    features = random.normal(size=(7, 5))
    scaled = (features - scaling.mean.numpy()) / scaling.spread
    after = folded(values, head, scaling)
    assert np.allclose(features @ after["k"] + after["b"], scaled @ values["k"] + values["b"])
    assert np.array_equal(after["other"], values["other"])


def test_settings_fit_the_plan() -> None:
    linear = settings_for(made(), 1000, None)
    assert (linear.centred, linear.keep, linear.schedule, linear.epochs) == (True, "last", "cosine", 60)
    assert settings_for(made(), 10_000, None).epochs == 30
    head = settings_for(made(Plan(new=(New(kind="dropout"),))), 1000, None)
    assert (head.centred, head.keep, head.lr, head.patience) == (False, "best", 1e-3, 10)
    assert settings_for(made(Plan(freeze=None)), 1000, None).lr == 3e-4


def test_what_the_user_says_goes_first() -> None:
    assert settings_for(made(), 1000, {"epochs": 5, "lr": 0.5}).epochs == 5
    assert settings_for(made(), 1000, {"patience": 3}).keep == "best"
    assert settings_for(made(Plan(freeze=None)), 1000, {"keep": "last"}).patience is None
    own = Settings(optimizer="sgd", lr=0.1)
    assert settings_for(made(), 1000, own) is own
