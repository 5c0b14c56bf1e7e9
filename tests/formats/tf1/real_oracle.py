"""Run under TensorFlow: computes every tensor of the real graphs.

python real_oracle.py FOLDER MODELS
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()
OUT, MODELS = Path(sys.argv[1]), Path(sys.argv[2])


def below(tensors):
    """The operations these tensors are computed by."""
    seen, waiting = {}, [tensor.op for tensor in tensors]
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen[operation.name] = operation
            waiting += [tensor.op for tensor in operation.inputs]
    return seen.values()


def mtcnn(name, size):
    """A real training graph: predictions, loss and gradients."""
    folder = OUT / name
    folder.mkdir()
    path = next((MODELS / "mtcnn_tf1" / name).glob("*.meta"))
    meta = v1.MetaGraphDef.FromString(path.read_bytes())
    for node in meta.graph_def.node:
        node.attr.pop("_output_shapes", None)  # TensorFlow 2.21 refuses them
    random = np.random.default_rng(0)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        v1.train.import_meta_graph(meta).restore(session, str(path.with_suffix("")))
        rows = int(graph.get_tensor_by_name("input_image:0").shape[0])
        feeds = {
            "input_image:0": random.normal(size=(rows, size, size, 3)),
            "label:0": random.choice([-2.0, -1.0, 0.0, 1.0], rows),
            "bbox_target:0": random.normal(size=(rows, 4)),
            "landmark_target:0": random.normal(size=(rows, 10)),
        }
        loss = graph.get_tensor_by_name("add_4:0")
        tensors = [t for o in below([loss]) for t in o.outputs if o.type != "Placeholder"]
        values = session.run(tensors, feeds)
        variables = v1.trainable_variables()
        gradients = session.run(v1.gradients(loss, variables, name="compare"), feeds)
    np.savez(folder / "feeds.npz", **{key: value.astype(np.float32) for key, value in feeds.items()})
    np.savez(folder / "values.npz", **{t.name: value for t, value in zip(tensors, values, strict=True)})
    np.savez(folder / "gradients.npz", **{v.op.name: value for v, value in zip(variables, gradients, strict=True)})


def mobilenet():
    """A real frozen graph with a head of retrain.py, which was built for one picture."""
    folder = OUT / "mobilenet"
    folder.mkdir()
    path = MODELS / "mobilenet_v1_imagenet_tf1/retrained_graph.pb"
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(v1.GraphDef.FromString(path.read_bytes()), name="")
        operations = [o for o in graph.get_operations() if o.type not in ("Const", "Placeholder")]
        values = session.run([o.outputs[0] for o in operations], {"input:0": picture})
    np.savez(folder / "feeds.npz", **{"input:0": picture})
    np.savez(folder / "values.npz", **{f"{o.name}:0": value for o, value in zip(operations, values, strict=True)})


mtcnn("PNet_landmark", 12)
mtcnn("RNet_landmark", 24)
mobilenet()
