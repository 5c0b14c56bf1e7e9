"""fastai's way, run in its own environment: `vision_learner` with its defaults, then `fine_tune`.

    python fastai_flowers.py JOB.json

The job is what `benchmarks.rivals.programs` writes; one line of JSON is printed. The clock starts after the imports.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from fastai.callback import schedule  # noqa: E402, F401 -- gives Learner its fine_tune
from fastai.data.all import CategoryBlock, DataBlock, DataLoaders, IndexSplitter  # noqa: E402
from fastai.torch_core import set_seed  # noqa: E402
from fastai.vision.augment import Resize  # noqa: E402
from fastai.vision.core import imagenet_stats  # noqa: E402
from fastai.vision.data import ImageBlock  # noqa: E402
from fastai.vision.learner import default_split, model_meta, vision_learner  # noqa: E402
from torchvision.models import mobilenet_v2  # noqa: E402

_FEWEST = 5  # photos of a batch


def main(job: dict[str, Any]) -> None:
    """Train, look at the test part, print."""
    set_seed(job["seed"], reproducible=True)
    start = time.perf_counter()

    def trunk(pretrained: bool) -> torch.nn.Module:  # called as fastai calls the networks it knows
        network = mobilenet_v2()
        network.load_state_dict(torch.load(job["weights"], weights_only=True))
        return network

    model_meta[trunk] = {"cut": -1, "split": default_split, "stats": imagenet_stats}
    learner = vision_learner(loaders(job), trunk)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(job["epochs"])
        test = learner.dls.test_dl([Path(job["data"]) / name for name, _ in job["fold"]["test"]])
        predictions = learner.get_preds(dl=test)[0].argmax(1).tolist()
    seconds = time.perf_counter() - start
    right = [label == taken for (_, label), taken in zip(job["fold"]["test"], predictions, strict=True)]
    print(
        json.dumps({"test_accuracy": sum(right) / len(right), "predictions": predictions, "seconds": seconds}),
        flush=True,
    )


def loaders(job: dict[str, Any]) -> DataLoaders:
    """The photos of both parts, resized as in fastai's first lesson.

    fastai leaves out a batch that is not full: of a handful of photos its usual 64 would leave nothing to train on.
    """
    fold, data = job["fold"], Path(job["data"])
    batch = min(64, max(_FEWEST, len(fold["train"]) // 4))
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=fold["classes"])),
        get_x=lambda photo: data / photo[0],
        get_y=lambda photo: fold["classes"][photo[1]],
        splitter=IndexSplitter(range(len(fold["train"]), len(fold["train"]) + len(fold["validation"]))),
        item_tfms=Resize(job["pixels"]),
    )
    return block.dataloaders([*fold["train"], *fold["validation"]], bs=batch)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
