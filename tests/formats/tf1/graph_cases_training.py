"""Networks with a loss, each with another optimizer, and older layers."""

import numpy as np
import tensorflow as tf
from graph_storing import (
    RANDOM,
    case,
    initialise,
    loss_of,
    picture,
    store,
    store_gradients,
)

v1 = tf.compat.v1


@case()
def dense(folder, session):
    """The dense net of the classic course, with loss, evaluation and clipped gradient descent."""
    x, y = v1.placeholder(tf.float32, (None, 20), "X"), v1.placeholder(tf.int32, (None), "y")
    with v1.name_scope("dnn"):
        h1 = v1.layers.dense(x, 12, activation=tf.nn.relu, name="hidden1")
        h2 = v1.layers.dense(h1, 8, activation=tf.nn.elu, name="hidden2")
        logits = v1.layers.dense(h2, 3, name="outputs")
        tf.nn.softmax(logits, name="Y_proba")
    loss = loss_of(logits, y)
    with v1.name_scope("eval"):
        correct = tf.nn.in_top_k(predictions=logits, targets=y, k=1)
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32), name="accuracy")
    with v1.name_scope("train"):
        optimizer = v1.train.GradientDescentOptimizer(0.05)
        clipped = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in optimizer.compute_gradients(loss)]
        train = optimizer.apply_gradients(clipped)
    v1.summary.scalar("accuracy", accuracy)
    feeds = {x: RANDOM.normal(size=(30, 20)), y: RANDOM.integers(0, 3, 30)}
    initialise(session)
    session.run(train, feeds)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, feeds, [loss, accuracy, logits])
    store_gradients(folder, session, feeds, loss)


@case()
def sentences(folder, session):
    """A convolutional sentence classifier: embeddings, several widths, keep_prob, L2 loss, accuracy."""
    x, y = v1.placeholder(tf.int32, [None, 9], "input_x"), v1.placeholder(tf.float32, [None, 2], "input_y")
    keep = v1.placeholder(tf.float32, name="dropout_keep_prob")
    with v1.name_scope("embedding"):
        table = v1.Variable(tf.random.uniform([30, 6], -1.0, 1.0), name="W")
        words = tf.expand_dims(tf.nn.embedding_lookup(table, x), -1)
    pooled = []
    for width in (2, 3):
        with v1.name_scope(f"conv-maxpool-{width}"):
            w = v1.Variable(v1.truncated_normal([width, 6, 1, 4], stddev=0.1), name="W")
            h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(words, w, [1, 1, 1, 1], "VALID"), v1.Variable(tf.zeros([4]))))
            pooled.append(tf.nn.max_pool2d(h, [1, 10 - width, 1, 1], [1, 1, 1, 1], "VALID", name="pool"))
    flat = tf.reshape(tf.concat(pooled, 3), [-1, 8])
    with v1.name_scope("dropout"):
        dropped = v1.nn.dropout(flat, keep)
    with v1.name_scope("output"):
        w, b = v1.get_variable("W", [8, 2]), v1.Variable(tf.constant(0.1, shape=[2]), name="b")
        scores = v1.nn.xw_plus_b(dropped, w, b, name="scores")
        chosen = tf.argmax(scores, 1, name="predictions")
    with v1.name_scope("loss"):
        losses = v1.nn.softmax_cross_entropy_with_logits_v2(logits=scores, labels=y)
        loss = tf.reduce_mean(losses) + 0.5 * (tf.nn.l2_loss(w) + tf.nn.l2_loss(b))
    with v1.name_scope("accuracy"):
        right = tf.equal(chosen, tf.argmax(y, 1))
        accuracy = tf.reduce_mean(tf.cast(right, "float"), name="accuracy")
    optimizer = v1.train.AdamOptimizer(1e-3)
    optimizer.apply_gradients(
        optimizer.compute_gradients(loss), global_step=v1.Variable(0, name="global_step", trainable=False)
    )
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model"))
    feeds = {x: RANDOM.integers(0, 30, (7, 9)), y: np.eye(2)[RANDOM.integers(0, 2, 7)]}
    store(folder, session, {**feeds, keep: 1.0}, [loss, accuracy])
    store_gradients(folder, session, {**feeds, keep: 1.0}, loss)


@case()
def autoencoder(folder, session):
    """A network whose label is its input."""
    x = v1.placeholder(tf.float32, [None, 12], "x")
    code = v1.layers.dense(x, 4, activation=tf.nn.sigmoid, name="code")
    outputs = v1.layers.dense(code, 12, name="outputs")
    loss = tf.reduce_mean(tf.square(outputs - x), name="loss")
    v1.train.AdamOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 12))}, [loss])


@case()
def adversaries(folder, session):
    """Two networks, two losses, two optimizers, and no labels."""

    def net(x, scope, width, activation):
        with v1.variable_scope(scope, reuse=v1.AUTO_REUSE):
            return v1.layers.dense(v1.layers.dense(x, 7, tf.nn.leaky_relu, name="a"), width, activation, name="b")

    z, x = v1.placeholder(tf.float32, [None, 5], "z"), v1.placeholder(tf.float32, [None, 8], "x")
    made = net(z, "generator", 8, tf.tanh)
    real, fake = net(x, "discriminator", 1, None), net(made, "discriminator", 1, None)
    each = tf.nn.sigmoid_cross_entropy_with_logits
    told = tf.reduce_mean(each(labels=tf.ones_like(real), logits=real)) + tf.reduce_mean(
        each(labels=tf.zeros_like(fake), logits=fake)
    )
    fooled = tf.reduce_mean(each(labels=tf.ones_like(fake), logits=fake))
    for loss, scope in ((told, "discriminator"), (fooled, "generator")):
        v1.train.AdamOptimizer(0.001).minimize(loss, var_list=v1.trainable_variables(scope))
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {z: RANDOM.normal(size=(3, 5)), x: RANDOM.normal(size=(3, 8))}, [told, fooled])


@case()
def residual(folder, session):
    """The input is added to the output; gradients are clipped by their norm."""
    x, y = (v1.placeholder(tf.float32, [None, None, None, 3], name) for name in "xy")
    h = v1.layers.conv2d(x, 4, 3, padding="same", activation=tf.nn.relu)
    out = tf.add(x, v1.layers.conv2d(h, 3, 3, padding="same"), name="out")
    loss = tf.reduce_mean(tf.abs(out - y), name="loss")
    optimizer = v1.train.AdamOptimizer(0.001)
    gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
    optimizer.apply_gradients(zip(tf.clip_by_global_norm(gradients, 1.0)[0], variables, strict=True))
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(2, 6, 5, 3)), y: RANDOM.normal(size=(2, 6, 5, 3))}, [loss])


@case()
def recurrent(folder, session):
    """An LSTM over a fixed number of steps."""
    x, y = v1.placeholder(tf.float32, [None, 4, 3], "x"), v1.placeholder(tf.int32, [None], "y")
    outputs, _ = v1.nn.static_rnn(v1.nn.rnn_cell.BasicLSTMCell(5), tf.unstack(x, 4, 1), dtype=tf.float32)
    logits = v1.layers.dense(outputs[-1], 2, name="out")
    loss = loss_of(logits, y)
    v1.train.RMSPropOptimizer(0.01, centered=True, momentum=0.5).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(3, 4, 3)), y: RANDOM.integers(0, 2, 3)}, [loss])


@case(resource=True, control_flow_v2=True)
def keras_training(folder, session):
    """A Keras model that was compiled and trained in a session."""
    v1.keras.backend.set_session(session)
    layers = tf.keras.layers
    inner = [layers.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 3)), layers.BatchNormalization()]
    model = tf.keras.Sequential([*inner, layers.Dropout(0.3), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile(tf.keras.optimizers.legacy.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
    x = RANDOM.normal(size=(8, 12, 12, 3))
    model.train_on_batch(x, np.eye(3)[RANDOM.integers(0, 3, 8)])
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    np.savez(folder / "feeds.npz", **{model.input.name: x})
    np.savez(folder / "values.npz", **{model.output.name: model.predict(x)})


@case()
def classic_layers(folder, session):
    """LRN, PReLU as MTCNN writes it, old dropout with keep_prob, moving averages of the weights."""
    x, pictures = picture("input", 12)
    keep = v1.placeholder(tf.float32, name="keep_prob")
    h = tf.nn.conv2d(x, v1.get_variable("conv/weights", [3, 3, 3, 8]), [1, 2, 2, 1], "VALID", name="conv/Conv2D")
    h = tf.nn.bias_add(h, v1.get_variable("conv/biases", [8]), name="conv/BiasAdd")
    alphas = v1.get_variable("conv/alphas", [8], initializer=v1.constant_initializer(0.25))
    h = tf.add(tf.nn.relu(h), alphas * (h - abs(h)) * 0.5, name="prelu")
    h = tf.nn.lrn(h, 3, 1.0, 0.001, 0.75, name="norm")
    h = tf.nn.avg_pool2d(h, 3, 2, "SAME", name="pool")
    flat = tf.reshape(h, [-1, 3 * 3 * 8], name="flat")
    with v1.name_scope("dropout"):
        noise = v1.random_uniform(tf.shape(flat), name="random_uniform")
        dropped = v1.div(flat, keep) * tf.floor(keep + noise)
    w = v1.get_variable("fc/weights", [72, 4])
    out = v1.nn.xw_plus_b(dropped, w, v1.get_variable("fc/biases", [4]), name="out")
    average = v1.train.ExponentialMovingAverage(0.5)
    apply = average.apply(v1.trainable_variables())
    initialise(session)
    session.run(apply)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    feeds = {x: pictures}
    store(folder, session, {**feeds, keep: 1.0}, [out])
    v1.train.Saver(average.variables_to_restore()).export_meta_graph(str(folder / "averaged.ckpt.meta"))


@case()
def partitioned(folder, session):
    """A partitioned variable, and a Saver that renames."""
    x = v1.placeholder(tf.float32, [None, 10], "x")
    with v1.variable_scope("deep", partitioner=v1.fixed_size_partitioner(2)):
        w = v1.get_variable("w", [10, 6])
        b = v1.get_variable("b", [6], partitioner=None)
    out = tf.nn.bias_add(tf.matmul(x, w), b, name="out")
    initialise(session)
    v1.train.Saver({"old/w": w, "old/b": b}).save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 10))}, [out])


@case()
def rare_optimizer(folder, session):
    """An optimizer that cannot be gone on with (Ftrl), classes written out, and an end that is a by-product."""
    x, y = v1.placeholder(tf.float32, [None, 6], "x"), v1.placeholder(tf.int32, [None], "y")
    h = tf.nn.relu(tf.matmul(x, v1.get_variable("w", [6, 4])), name="hidden")
    tf.nn.zero_fraction(h, name="sparsity")
    logits = tf.matmul(h, v1.get_variable("v", [4, 3]), name="logits")
    chances = tf.nn.softmax(logits, name="chances")
    tf.gather(tf.constant(["a", "b", "c"]), tf.argmax(chances, 1), name="written")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), name="loss")
    v1.train.FtrlOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 6)), y: RANDOM.integers(0, 3, 5)}, [loss, chances])


@case()
def summed_loss(folder, session):
    """A loss added up of several, differentiated by tf.gradients itself, its gradients clipped by their global norm."""
    x, y = v1.placeholder(tf.float32, [None, 6], "x"), v1.placeholder(tf.float32, [None, 3], "y")
    w, v = v1.get_variable("w", [6, 4]), v1.get_variable("v", [4, 3])
    chances = tf.nn.softmax(tf.matmul(tf.nn.relu(tf.matmul(x, w)), v), name="chances")
    entropy = -tf.reduce_mean(tf.reduce_sum(y * v1.log(chances + 1e-9), 1))
    loss = tf.add(entropy, sum(tf.nn.l2_loss(one) for one in (w, v)) * 0.01, name="loss")
    clipped, _ = tf.clip_by_global_norm(tf.gradients(loss, [w, v]), 5.0)
    v1.train.AdamOptimizer().apply_gradients(zip(clipped, [w, v], strict=True))
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    feeds = {x: RANDOM.normal(size=(5, 6)), y: np.eye(3)[RANDOM.integers(0, 3, 5)]}
    store(folder, session, feeds, [loss])
    store_gradients(folder, session, feeds, loss)


@case()
def unscaled(folder, session):
    """Batch normalisation without a scale, as slim does it: a constant of ones among variables."""
    x = v1.placeholder(tf.float32, [None, 6, 6, 3], "x")
    h = tf.nn.conv2d(x, v1.get_variable("weights", [3, 3, 3, 4]), 1, "SAME")
    h = v1.layers.batch_normalization(h, scale=False, fused=True, name="bn")
    out = tf.nn.relu(h, name="out")
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(2, 6, 6, 3))}, [out])
