"""Run by the oracle: writes TF-slim's checkpoints with random weights, and what the nets give for two pictures.

python slim_oracle.py FOLDER NET...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from slim_nets import NETS

v1 = tf.compat.v1


def main(folder: Path, *names: str) -> None:
    for name in names:
        scope, net, side, classes = NETS[name]
        pictures = coloured(side)
        with tf.Graph().as_default(), v1.Session() as session:
            given = v1.placeholder(tf.float32, pictures.shape)
            with v1.variable_scope(scope):
                outputs, layers = net(given, classes)
            beside(scope)
            session.run([variable.initializer for variable in v1.global_variables()], starts(layers.values))
            results = session.run(outputs, {given: pictures})
            v1.train.Saver().save(session, str(folder / f"{name}.ckpt"), write_meta_graph=False)
        np.savez(folder / f"{name}.npz", pictures=pictures, outputs=results, order=np.array(list(layers.values)))


def beside(scope: str) -> None:
    """What training leaves in a checkpoint: the step, an optimizer's slots, moving averages of weights."""
    v1.train.create_global_step()
    small = [variable for variable in v1.global_variables(scope) if variable.shape.num_elements() < 100]
    for variable in small[:3]:
        for word in ("Momentum", "ExponentialMovingAverage"):
            v1.get_variable(f"{variable.op.name}/{word}", initializer=np.full(variable.shape, 7, np.float32))


def coloured(side: int) -> np.ndarray:
    """Two pictures (2 side side 3) of patches and noise, for noise alone gives all pictures the same result."""
    random = np.random.default_rng(side)
    patches = random.uniform(-1, 1, (2, 5, 5, 3)).repeat(side // 5 + 1, 1).repeat(side // 5 + 1, 2)[:, :side, :side]
    return (0.7 * patches + 0.3 * random.uniform(-1, 1, patches.shape)).astype(np.float32)


def starts(values: dict[str, np.ndarray]) -> dict[tf.Tensor, np.ndarray]:
    """What the initializers are fed with: a graph that holds the numbers would be too large."""
    initializers = {variable.op.name: variable.initializer for variable in v1.global_variables()}
    return {initializers[name].inputs[1]: value for name, value in values.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
