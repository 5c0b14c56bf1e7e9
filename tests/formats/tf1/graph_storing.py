"""How the cases of graph_oracle.py are made and stored; runs under TensorFlow."""

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

v1 = tf.compat.v1
v1.disable_eager_execution()
RANDOM = np.random.default_rng(3)
UNFETCHABLE = ("Switch", "VarHandleOp", "NoOp", "Assert", "Placeholder", "RandomUniform")
CASES = {}


def case(*, resource=False, control_flow_v2=False):
    """Register a case: it builds its graph, trains or sets its variables, and saves itself."""

    def register(function):
        def run(into):
            (v1.enable_resource_variables if resource else v1.disable_resource_variables)()
            (v1.enable_control_flow_v2 if control_flow_v2 else v1.disable_control_flow_v2)()
            v1.set_random_seed(5)
            folder = into / function.__name__
            folder.mkdir(parents=True)
            with tf.Graph().as_default(), v1.Session() as session:
                v1.set_random_seed(5)
                function(folder, session)

        CASES[function.__name__] = run
        return function

    return register


def below(tensors, feeds=()):
    """The tensors that can be fetched among those these are computed from, up to what is fed."""
    seen, waiting, fed = {}, [tensor.op for tensor in tensors], {tensor.op.name for tensor in feeds}
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen and operation.name not in fed:
            seen[operation.name] = operation
            waiting += [tensor.op for tensor in operation.inputs]
    return [
        operation.outputs[0]
        for operation in seen.values()
        if operation.outputs
        and operation.type not in UNFETCHABLE
        and operation.outputs[0].dtype != tf.string
        and operation.graph.is_fetchable(operation.outputs[0])
        and not control_flow_util.IsInWhileLoop(operation)
        and not is_array(operation)
    ]


def is_array(operation):
    """Whether an operation gives an array of tensors, of which TensorFlow says a number without meaning."""
    of_loop = (
        operation.type == "Exit" and operation.outputs[0].shape.rank == 0 and operation.outputs[0].dtype.is_floating
    )
    is_list = operation.outputs[0].dtype == tf.variant
    return of_loop or is_list or operation.type in ("TensorArrayV3", "TensorArrayScatterV3")


def store(folder, session, feeds, outputs, name="values"):
    """Compute everything below the outputs, and store it."""
    values = alive(session, below(outputs, feeds), feeds)
    numbers = {key: value for key, value in values.items() if isinstance(value, np.ndarray | np.generic)}
    np.savez(folder / f"{name}.npz", **numbers)
    np.savez(folder / "feeds.npz", **{tensor.name: value for tensor, value in feeds.items() if np.ndim(value)})


def alive(session, tensors, feeds):
    """The values of the tensors by name, without those on the dead side of a conditional.

    All are asked for at once: TensorFlow prepares each new set for longer than it computes it.
    """
    try:
        return dict(zip([tensor.name for tensor in tensors], session.run(tensors, feeds), strict=True))
    except tf.errors.InvalidArgumentError:  # of one that is dead
        half = len(tensors) // 2
        return alive(session, tensors[:half], feeds) | alive(session, tensors[half:], feeds) if half else {}


def store_gradients(folder, session, feeds, loss):
    """The gradients of the loss, by variable."""
    variables = v1.trainable_variables()
    gradients = v1.gradients(loss, variables, name="gradients_compared")
    known = [(v.op.name, tf.convert_to_tensor(g)) for v, g in zip(variables, gradients, strict=True) if g is not None]
    np.savez(
        folder / "gradients.npz",
        **dict(zip([n for n, _ in known], session.run([g for _, g in known], feeds), strict=True)),
    )


def initialise(session):
    """Give every variable a value that is not its initial one, so that a mistake shows."""
    session.run(v1.global_variables_initializer())
    variables, loaded = v1.global_variables(), {}
    for variable, value in zip(variables, session.run(variables), strict=True):
        if value.dtype.kind == "f" and value.ndim:
            noise = (
                RANDOM.uniform(0.5, 1.5, value.shape)
                if "variance" in variable.name
                else RANDOM.normal(0, 0.2, value.shape)
            )
            loaded[variable] = value * (0.5 if "variance" in variable.name else 1) + noise
    session.run(
        [variable.initializer for variable in loaded],
        {variable.initializer.inputs[1]: value for variable, value in loaded.items()},
    )


def freeze(session, outputs, path):
    """A frozen graph, as freeze_graph writes it."""
    names = [tensor.op.name for tensor in outputs]
    frozen = v1.graph_util.convert_variables_to_constants(session, session.graph_def, names)
    path.write_bytes(frozen.SerializeToString())


def picture(name="x", size=16, batch=None):
    """A placeholder for pictures, and some."""
    return v1.placeholder(tf.float32, [batch, size, size, 3], name), RANDOM.normal(size=(batch or 4, size, size, 3))


def normalised_net(x, training):
    """Convolution, batch norm and dropout as tf.layers writes them."""
    h = v1.layers.conv2d(x, 6, 3, strides=2, padding="same", name="conv1")
    h = v1.layers.batch_normalization(h, training=training, name="bn1")
    h = tf.nn.relu(h, name="relu1")
    h = v1.layers.conv2d(h, 8, 3, padding="same", use_bias=False, name="conv2")
    h = v1.layers.batch_normalization(h, training=training, fused=False, name="bn2")
    h = v1.layers.max_pooling2d(tf.nn.relu6(h), 2, 2, name="pool")
    h = v1.layers.dropout(v1.layers.flatten(h), 0.4, training=training, name="drop")
    return v1.layers.dense(h, 5, name="logits")


def loss_of(logits, y):
    with v1.name_scope("loss"):
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        return tf.reduce_mean(each, name="loss")
