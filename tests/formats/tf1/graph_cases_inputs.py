"""What a graph is fed from, and the batch it was built for."""

import numpy as np
import tensorflow as tf
from graph_storing import RANDOM, below, case, initialise, loss_of, picture, store

v1 = tf.compat.v1


@case()
def inception_2015(folder, session):
    """A frozen graph that decodes, resizes and scales one JPEG, in the operations of December 2015."""
    contents = v1.placeholder(tf.string, name="DecodeJpeg/contents")
    decoded = tf.raw_ops.DecodeJpeg(contents=contents, channels=3, name="DecodeJpeg")
    pictures = tf.expand_dims(tf.cast(decoded, tf.float32, name="Cast"), 0, name="ExpandDims")
    resized = v1.image.resize_bilinear(pictures, [33, 33], name="ResizeBilinear")
    x = tf.multiply(tf.subtract(resized, 128.0, name="Sub"), 1 / 128, name="Mul")
    h = tf.nn.conv2d(x, v1.get_variable("conv/conv2d_params", [3, 3, 3, 8]), [1, 2, 2, 1], "VALID", name="conv/Conv2D")
    parts = [v1.get_variable(f"conv/batchnorm/{n}", [8]) for n in ("moving_mean", "moving_variance", "beta", "gamma")]
    h = tf.identity(h, name="conv/batchnorm")
    h = tf.raw_ops.CheckNumerics(tensor=h, message="wrong", name="conv/CheckNumerics")
    h = tf.nn.max_pool2d(tf.nn.relu(h, name="conv"), 3, 2, "VALID", name="pool")
    h = tf.concat([tf.nn.avg_pool2d(h, 3, 1, "SAME"), h], 3, name="mixed/join")
    h = tf.nn.avg_pool2d(h, 7, 1, "VALID", name="pool_3")
    flat = tf.reshape(h, [1, 16], name="pool_3/_reshape")
    logits = tf.matmul(flat, v1.get_variable("softmax/weights", [16, 10]), name="softmax/logits/MatMul")
    logits = tf.add(logits, v1.get_variable("softmax/biases", [10]), name="softmax/logits")
    tf.nn.softmax(logits, name="softmax")
    initialise(session)
    names = ["softmax", *(variable.op.name for variable in parts)]
    frozen = v1.graph_util.convert_variables_to_constants(session, session.graph_def, names)
    for node in frozen.node:
        if node.name == "conv/batchnorm":  # it was taken out of TensorFlow's Python, not out of its files
            node.op = "BatchNormWithGlobalNormalization"
            node.input.extend(variable.op.name for variable in parts)
            node.attr["variance_epsilon"].f = 0.001
            node.attr["scale_after_normalization"].b = True
    frozen.versions.producer = 8
    (folder / "classify_image_graph_def.pb").write_bytes(frozen.SerializeToString())
    jpeg = session.run(tf.io.encode_jpeg(RANDOM.integers(0, 255, (50, 40, 3)).astype(np.uint8)))
    (folder / "picture.jpg").write_bytes(jpeg)
    with tf.Graph().as_default() as graph, v1.Session() as other:
        tf.import_graph_def(frozen, name="")
        fetched = [t for t in below([graph.get_tensor_by_name("softmax:0")]) if t.op.type != "Const"]
        values = {t.name: other.run(t, {"DecodeJpeg/contents:0": jpeg}) for t in fetched}
    np.savez(folder / "values.npz", **values)
    np.savez(folder / "feeds.npz", **{"Mul:0": values["Mul:0"]})


@case()
def decoded_in_loop(folder, session):
    """A SavedModel that takes JPEG strings: they are decoded in a while loop."""

    def decode(text):
        picture = tf.cast(tf.io.decode_jpeg(text, channels=3), tf.float32)
        return v1.image.resize_images(picture, [8, 8]) - tf.constant([123.0, 117.0, 104.0])

    strings = v1.placeholder(tf.string, [None], "image_bytes")
    pictures = v1.map_fn(decode, strings, dtype=tf.float32)
    h = v1.layers.conv2d(pictures, 4, 3, activation=tf.nn.relu, name="conv")
    logits = v1.layers.dense(tf.reduce_mean(h, [1, 2], name="pooled"), 3, name="fc")
    outputs = {
        "classes": tf.argmax(logits, 1, name="ArgMax"),
        "probabilities": tf.nn.softmax(logits, name="softmax_tensor"),
    }
    initialise(session)
    v1.saved_model.simple_save(session, str(folder / "model"), {"image_bytes": strings}, outputs)
    after = h.op.inputs[0].op.inputs[0].op.inputs[0]
    store(folder, session, {after: RANDOM.normal(size=(2, 8, 8, 3))}, [outputs["probabilities"]])


@case()
def saved_model(folder, session):
    """A SavedModel of the first kind, with a string output among its outputs."""
    x = v1.placeholder(tf.float32, [None, 6], "features")
    w = v1.get_variable("layer/kernel", [6, 3])
    scores = tf.nn.softmax(tf.matmul(x, w), name="scores")
    classes = tf.gather(tf.constant(["a", "b", "c"]), tf.argmax(scores, 1), name="classes")
    initialise(session)
    v1.saved_model.simple_save(session, str(folder / "model"), {"x": x}, {"scores": scores, "classes": classes})
    store(folder, session, {x: RANDOM.normal(size=(5, 6))}, [scores])


@case()
def queued(folder, session):
    """Pictures and labels from queues and from an iterator."""
    numbers = v1.train.batch([tf.zeros([6]), tf.zeros([], tf.int32)], 4)
    with v1.name_scope("net"):
        logits = v1.layers.dense(v1.placeholder_with_default(numbers[0], [None, 6], "x"), 3, name="fc")
        loss = loss_of(logits, numbers[1])
    v1.train.AdagradOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {session.graph.get_tensor_by_name("net/x:0"): RANDOM.normal(size=(5, 6))}, [logits])


@case()
def queued_batch(folder, session):
    """A network that writes the size of the batch its queue gives into its shapes."""
    pictures, labels = v1.train.batch([tf.zeros([4, 4, 1]), tf.zeros([1], tf.int32)], 8)
    flat = tf.reshape(pictures, [8, -1])
    logits = tf.matmul(flat, v1.get_variable("w", [16, 3]), name="logits")
    loss = loss_of(logits, tf.reshape(labels, [8]))
    v1.train.GradientDescentOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {pictures: RANDOM.normal(size=(8, 4, 4, 1))}, [logits])


@case()
def iterated(folder, session):
    """Pictures and labels from a dataset's iterator, and a network scaled to 0..1 inside."""
    data = v1.data.Dataset.from_tensor_slices((np.zeros((8, 9, 9, 3), np.uint8), np.zeros(8, np.int64))).batch(4)
    pictures, labels = v1.data.make_one_shot_iterator(data).get_next()
    scaled = tf.cast(pictures, tf.float32) / 255.0
    logits = v1.layers.dense(v1.layers.flatten(v1.layers.conv2d(scaled, 4, 3, name="conv")), 3, name="fc")
    loss = loss_of(logits, labels)
    v1.train.AdamOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {pictures: RANDOM.integers(0, 255, (3, 9, 9, 3)).astype(np.uint8)}, [logits])


@case(resource=True)
def embedding(folder, session):
    """A face net: a queue of a fed size, moving averages of the losses and the weights, a loss of centers."""
    queue = v1.FIFOQueue(100, [tf.float32, tf.int64], [[10, 10, 3], []])
    pictures, labels = queue.dequeue_up_to(v1.placeholder(tf.int32, name="batch_size"))
    pictures = tf.identity(tf.identity(pictures, "image_batch"), "input")
    training = v1.placeholder(tf.bool, name="phase_train")
    h = v1.layers.batch_normalization(v1.layers.conv2d(pictures, 4, 3, use_bias=False), training=training)
    h = v1.layers.dropout(tf.reduce_mean(tf.nn.relu(h), [1, 2]), 0.2, training=training)
    before = v1.layers.dense(h, 6, name="Bottleneck")
    unit = tf.nn.l2_normalize(before, 1, 1e-10, name="embeddings")
    logits = v1.layers.dense(before, 4, name="Logits")
    centers = v1.get_variable("centers", [4, 6], trainable=False, initializer=v1.zeros_initializer())
    near = tf.gather(centers, labels)
    with tf.control_dependencies([v1.scatter_sub(centers, labels, 0.05 * (near - before))]):
        apart = tf.reduce_mean(tf.square(before - near))
    entropy = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    loss = tf.add_n([entropy, apart * 0.1], name="total_loss")
    step = v1.train.get_or_create_global_step()
    with tf.control_dependencies([v1.train.ExponentialMovingAverage(0.9).apply([entropy, loss])]):
        rate = v1.train.exponential_decay(v1.placeholder(tf.float32, name="learning_rate"), step, 10, 0.9)
        v1.train.AdagradOptimizer(rate).minimize(loss, global_step=step)
    v1.train.ExponentialMovingAverage(0.99, step).apply(v1.trainable_variables())
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    fed = {session.graph.get_tensor_by_name("fifo_queue_DequeueUpTo:0"): RANDOM.normal(size=(3, 10, 10, 3))}
    store(folder, session, {**fed, training: False}, [unit, logits])


@case()
def fixed_batch(folder, session):
    """A graph built for a batch of 8, in its placeholders, reshapes and the constants of its loss."""
    x, pictures = picture(size=10, batch=8)
    y = v1.placeholder(tf.float32, [8], "y")
    h = v1.layers.conv2d(x, 4, 3, name="conv")
    h = tf.reshape(h, [8, 8 * 8 * 4], name="first")
    h = tf.reshape(v1.layers.dense(h, 12, name="fc"), [8, 3, -1], name="second")
    logits = tf.reshape(h[:, :, 0], [tf.size(h) // 12, 3], name="third") * 1.0
    chances = tf.nn.softmax(logits, name="chances")
    taken = tf.gather(tf.reshape(chances, [tf.size(chances), -1]), tf.range(8) * 3 + tf.cast(y, tf.int32))
    mask = tf.where(y < 1.0, tf.zeros_like(y), tf.ones_like(y))
    loss = tf.reduce_sum(tf.squeeze(taken) * mask, name="loss")
    v1.train.RMSPropOptimizer(v1.train.exponential_decay(0.1, v1.train.get_or_create_global_step(), 10, 0.9)).minimize(
        loss
    )
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: pictures, y: RANDOM.integers(0, 3, 8)}, [loss])


@case()
def fixed_batch_made(folder, session):
    """A decoder built for a batch of 6: transposed convolutions, states of zeros, dropout of a constant shape."""
    z = v1.placeholder(tf.float32, [6, 10], "z")
    h = tf.concat([z, tf.zeros([6, 2], name="zeros")], 1)
    h = tf.nn.dropout(h, 0.3, name="dropout")
    h = tf.reshape(tf.matmul(h, v1.get_variable("w", [12, 2 * 2 * 8])), [6, 2, 2, 8])
    h = tf.nn.conv2d_transpose(h, v1.get_variable("up", [3, 3, 4, 8]), [6, 4, 4, 4], [1, 2, 2, 1], name="up1")
    out = tf.tanh(h[:6, :, :, :], name="out")
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    undropped = session.graph.get_tensor_by_name("concat:0")
    feeds = {z: RANDOM.normal(size=(6, 10))}
    fed = {**feeds, session.graph.get_tensor_by_name("dropout/SelectV2:0"): session.run(undropped, feeds)}
    store(folder, session, fed, [out])
    np.savez(folder / "feeds.npz", **{"z:0": feeds[z]})
