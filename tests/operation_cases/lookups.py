"""Indexing, reductions, losses, random numbers, quantisation."""

import itertools

import numpy as np

from operation_cases.case import Cases, ints, normal, positive, scalar, tied, truths, whole

CASES = Cases()

CASES.add("Gather", normal(5, 3), ints(4, 0, 0))
CASES.add("ResourceGather", normal(5, 3), np.array([[1, 0], [4, 1]], np.int32))
CASES.add("ResourceGather", normal(2, 5, 3), np.array([[1, 0], [4, 1]], np.int32), batch_dims=1, gradient=False)
for axis in (0, 1, -1):
    CASES.add("GatherV2", normal(3, 4, 5), ints(2, 0, 2), scalar(axis))
CASES.add("GatherV2", normal(3, 4), scalar(1), scalar(0))
CASES.add("GatherV2", ints(7, 8, 9), scalar(2), scalar(0), gradient=False)
CASES.add("GatherV2", normal(3, 4, 5), whole(2, 3, low=0, high=4), scalar(1))
CASES.add("GatherV2", normal(2, 3, 4, 5), whole(2, 3, 2, low=0, high=4), scalar(2), batch_dims=2)
CASES.add("GatherV2", normal(2, 3, 4, 5), whole(2, 2, 3, low=0, high=4), scalar(-1), batch_dims=1)
CASES.add("GatherV2", normal(2, 5), whole(2, low=0, high=5), scalar(1), batch_dims=1)
CASES.add("GatherNd", normal(3, 4, 5), np.array([[0, 1], [2, 3]], np.int32))
CASES.add("GatherNd", normal(3, 4), np.array([[[0, 1]], [[2, 3]]], np.int32))
CASES.add("GatherNd", normal(3, 4), np.zeros((2, 0), np.int32), gradient=False)
CASES.add("ScatterNd", np.array([[0], [2], [0]], np.int32), normal(3, 4), ints(5, 4))
CASES.add("ScatterNd", np.array([[0, 1], [2, 3]], np.int32), normal(2), ints(3, 4))
for axis in (-1, 0, 1):
    CASES.add(
        "OneHot",
        np.array([[0, 3, -1], [2, 4, 1]], np.int32),
        scalar(4),
        scalar(2.5, np.float32),
        scalar(-1, np.float32),
        axis=axis,
        gradient=False,
    )
CASES.add("OneHot", scalar(2, np.int64), scalar(4), scalar(1, np.float32), scalar(0, np.float32), gradient=False)
CASES.add("Where", truths(4, 5), gradient=False)
CASES.add("Where", tied(6), gradient=False)
CASES.add("Select", truths(3, 4), normal(3, 4), normal(3, 4))
CASES.add("Select", truths(3), normal(3, 4), normal(3, 4))
CASES.add("Select", scalar(True, bool), normal(3, 4), normal(3, 4))
CASES.add("SelectV2", truths(3, 1), normal(4), normal(3, 4))
CASES.add("SelectV2", scalar(False, bool), normal(3), normal())
CASES.add("TopKV2", normal(3, 7), scalar(3), outputs=2)
CASES.add("TopKV2", tied(3, 7), scalar(4), outputs=2)
CASES.add("TopKV2", normal(7), scalar(7), outputs=2)
CASES.add("TopK", normal(3, 7), k=2, outputs=2)
CASES.add("InTopKV2", tied(6, 5), whole(6, low=0, high=5), scalar(2), gradient=False)
CASES.add("InTopK", normal(6, 5), whole(6, low=0, high=5), k=1, gradient=False)
CASES.add("InTopK", np.array([[1, np.nan], [np.inf, 0], [0, 1]], np.float32), ints(0, 1, 1), k=1, gradient=False)
CASES.add("InTopK", normal(2, 3), ints(-1, 3), k=3, gradient=False)
for name, axis in itertools.product(("ArgMax", "ArgMin"), (0, -1)):
    CASES.add(name, tied(4, 5), scalar(axis), gradient=False)
CASES.add("ArgMax", normal(4, 5), scalar(1), output_type="int32", gradient=False)

for name, (axes, kept) in itertools.product(
    ("Sum", "Mean", "Prod", "Max", "Min"),
    (
        (ints(0), False),
        (ints(1, 2), True),
        (scalar(-1), False),
        (ints(), False),
        (ints(0, 1, 2), False),
        (ints(-1, 0), False),
    ),
):
    CASES.add(name, normal(2, 3, 4), axes, keep_dims=kept)
    CASES.add(name, whole(2, 3, 4, low=-3, high=4), axes, keep_dims=kept, gradient=False)
for name in ("Sum", "Mean", "Prod", "Max", "Min"):
    CASES.add(name, normal(), ints())
    CASES.add(name, tied(4, 5), ints(1))
CASES.add("Sum", normal(0, 3), ints(0))
CASES.add("Prod", ints(), ints(0), gradient=False)
for name, (axes, kept) in itertools.product(("All", "Any"), ((ints(0), False), (ints(0, -1), True), (ints(), False))):
    CASES.add(name, truths(3, 4), axes, keep_dims=kept, gradient=False)
for name, exclusive, backwards in itertools.product(("Cumsum", "Cumprod"), (False, True), (False, True)):
    CASES.add(name, positive(3, 4), scalar(-1), exclusive=exclusive, reverse=backwards)
    CASES.add(name, whole(3, 2), scalar(0), exclusive=exclusive, reverse=backwards, gradient=False)

PROBABILITIES = positive(4, 5)
CASES.add("SoftmaxCrossEntropyWithLogits", 3 * normal(4, 5), PROBABILITIES / PROBABILITIES.sum(1, keepdims=True))
CASES.add("SoftmaxCrossEntropyWithLogits", 3 * normal(4, 5), np.eye(5, dtype=np.float32)[:4])
CASES.add("SoftmaxCrossEntropyWithLogits", 3 * normal(4, 5), np.eye(5, dtype=np.float32)[:4], outputs=2, gradient=False)
for dtype in (np.int32, np.int64):
    labels = np.array([0, 4, 2, 2], dtype)
    CASES.add("SparseSoftmaxCrossEntropyWithLogits", 30 * normal(4, 5), labels)
    CASES.add("SparseSoftmaxCrossEntropyWithLogits", normal(4, 5), labels, outputs=2, gradient=False)
CASES.add("L2Loss", normal(3, 4))

for name in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
    CASES.add(name, ints(3, 4), dtype="float32", values=False, gradient=False)
    CASES.add(name, ints(), dtype="float64", values=False, gradient=False)
CASES.add("RandomUniformInt", ints(3, 4), scalar(-3), scalar(4), values=False, gradient=False)
CASES.add("Multinomial", normal(3, 4), scalar(5), values=False, gradient=False)
CASES.add("Multinomial", normal(3, 4), scalar(5), output_dtype="int32", values=False, gradient=False)

RANGES = ((-1.0, 1.0), (-0.37, 2.3), (0.0, 6.0), (0.1, 0.9), (-3.0, 0.0), (0.0, 0.0))
for (low, high), bits, narrow in itertools.product(RANGES, (8, 4), (False, True)):
    bounds = scalar(low, np.float32), scalar(high, np.float32)
    CASES.add("FakeQuantWithMinMaxVars", 2 * normal(5, 6), *bounds, num_bits=bits, narrow_range=narrow)
CASES.add("FakeQuantWithMinMaxVarsPerChannel", 2 * normal(5, 6, 3), -positive(3), positive(3))
CASES.add("FakeQuantWithMinMaxArgs", 5 * normal(5, 6))
CASES.add("FakeQuantWithMinMaxArgs", normal(5, 6), min=-0.4, max=1.1, num_bits=6, narrow_range=True)
for signed, given, narrow in itertools.product((True, False), repeat=3):
    CASES.add("QuantizeAndDequantizeV2", normal(5, 6), scalar(-1.1, np.float32), scalar(0.8, np.float32),
              signed_input=signed, range_given=given, narrow_range=narrow)  # fmt: skip
CASES.add(
    "QuantizeAndDequantizeV2",
    normal(5, 6),
    scalar(0, np.float32),
    scalar(0, np.float32),
    round_mode="HALF_UP",
    num_bits=5,
)
CASES.add("QuantizeAndDequantizeV3", normal(5, 6), scalar(-1.1, np.float32), scalar(0.8, np.float32), scalar(6))
