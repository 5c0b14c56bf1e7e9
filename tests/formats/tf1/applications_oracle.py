"""Run under TensorFlow: freezes nets of keras.applications with random weights, and computes every tensor of them.

python applications_oracle.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()
SIZES = {"MobileNet": 96, "MobileNetV2": 96, "InceptionV3": 107, "ResNet50": 96, "DenseNet121": 96, "VGG16": 64}
RANGES = {"moving_mean": (-0.2, 0.2), "moving_variance": (0.5, 1.5), "gamma": (0.8, 1.2), "bias": (-0.1, 0.1)}


def freeze(name, size, random):
    """The frozen graph of a net whose batch norms are not neutral, and its trained variables' names."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.keras.backend.set_session(session)
        v1.keras.backend.set_learning_phase(0)
        model = getattr(tf.keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=50)
        session.run(v1.global_variables_initializer())
        for variable in model.variables:
            for part, (low, high) in RANGES.items():
                if part in variable.name:
                    variable.load(random.uniform(low, high, variable.shape), session)
        names = [variable.op.name for variable in model.trainable_weights]
        output = model.output.op.name
        return v1.graph_util.convert_variables_to_constants(session, session.graph_def, [output]), names


for name, size in SIZES.items():
    random = np.random.default_rng(1)
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    frozen, trained = freeze(name, size, random)
    (folder / "trained.txt").write_text("\n".join(trained))
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    pictures = random.normal(size=(2, size, size, 3)).astype(np.float32)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(frozen, name="")
        operations = [o for o in graph.get_operations() if o.type not in ("Const", "Placeholder", "NoOp", "Identity")]
        tensors = [o.outputs[0] for o in operations if o.outputs[0].dtype == tf.float32]
        fed = next(o.outputs[0] for o in graph.get_operations() if o.type == "Placeholder")
        values = session.run(tensors, {fed: pictures})
    np.savez(folder / "values.npz", **{t.name: value for t, value in zip(tensors, values, strict=True)})
    np.savez(folder / "feeds.npz", **{fed.name: pictures})
