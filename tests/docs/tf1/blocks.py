"""Runs blocks of TensorFlow 1 code, each in a graph and a folder of its own: `blocks.py JOBS.json`.

A job is {folder, code, data, numbers, start, keep}. The code finds the arrays of the file `data`, the `numbers`, and
`shuffle_batch`, which draws the batches of each epoch in the order that `orders` in the data says. The file `start`
holds weights that the first batch finds in place of what the initializers drew. What the code calls by a name of
`keep` is left in `kept.npz`, and the content of each checkpoint it wrote in an .npz of the same name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf


def main(path: str) -> None:
    """Run every job of a file."""
    tf.disable_v2_behavior()
    for job in json.loads(Path(path).read_text()):
        tf.reset_default_graph()
        tf.set_random_seed(7)
        os.chdir(job["folder"])
        before = set(Path().glob("**/*.index"))
        given = _given(job)
        exec(compile(job["code"], job["folder"], "exec"), given)
        np.savez("kept.npz", **{name: given[name] for name in job["keep"]})
        for index in set(Path().glob("**/*.index")) - before:
            reader = tf.train.load_checkpoint(str(index.with_suffix("")))
            names = reader.get_variable_to_shape_map()
            np.savez(index.with_suffix(".npz"), **{name: reader.get_tensor(name) for name in names})


def _given(job: dict[str, Any]) -> dict[str, Any]:
    """What the code finds."""
    data = dict(np.load(job["data"]))
    orders = iter(data.pop("orders"))
    start = dict(np.load(job["start"])) if job["start"] else {}

    def shuffle_batch(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for variable in tf.global_variables():
            if variable.op.name in start:
                variable.load(start.pop(variable.op.name), tf.get_default_session())
        assert not start, f"no variable is called {', '.join(start)}"
        order = next(orders)
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            yield x[rows], y[rows]

    return {"tf": tf, "np": np, "shuffle_batch": shuffle_batch, **job["numbers"], **data}


if __name__ == "__main__":
    main(sys.argv[1])
