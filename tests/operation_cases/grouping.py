"""Rows sent to groups and brought back, bands and diagonals, parts of pictures."""

import itertools

import numpy as np

from operation_cases.case import Cases, ints, normal, positive, scalar, tied, whole

CASES = Cases()

CASES.add("DynamicPartition", normal(6, 3), ints(1, 0, 2, 0, 1, 1), num_partitions=3, outputs=3)
CASES.add("DynamicPartition", normal(2, 2, 3), np.array([[1, 0], [1, 1]], np.int32), num_partitions=2, outputs=2)
CASES.add("DynamicPartition", whole(4), ints(0, 0, 2, 0), num_partitions=4, outputs=4, gradient=False)
for name in ("DynamicStitch", "ParallelDynamicStitch"):
    CASES.add(name, ints(0, 3), ints(2, 1), normal(2, 4), normal(2, 4))
    CASES.add(name, np.array([[1, 0]], np.int32), ints(2), ints(), normal(1, 2, 3), normal(1, 3), normal(0, 3))
CASES.add("DynamicStitch", scalar(1), ints(0, 2, 2), normal(2), normal(3, 2), gradient=False)
CASES.add("DynamicStitch", ints(1, 4), ints(1), whole(2), whole(1), gradient=False)
CASES.add("DynamicStitch", ints(0, 1), whole(2), gradient=False)

SEGMENTS = ints(0, 0, 2, 2, 2, 3)
for name in ("SegmentSum", "SegmentMean", "SegmentMax"):
    CASES.add(name, normal(6, 3), SEGMENTS)
    CASES.add(name, tied(6), SEGMENTS)
CASES.add("UnsortedSegmentSum", normal(6, 3), ints(3, 0, -1, 2, 0, 3), scalar(5))
CASES.add("UnsortedSegmentSum", normal(2, 3, 2), np.array([[0, 1, 0], [1, 1, 0]], np.int32), scalar(2))
for name in ("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"):
    CASES.add(name, normal(5, 3), ints(4, 0, 1, 1, 2, 0), SEGMENTS)
CASES.add("Unique", ints(4, 2, 4, 9, 2, 0), outputs=2, gradient=False)
CASES.add("Unique", np.array([3, 3, 1], np.int64), out_idx="int64", outputs=2, gradient=False)
CASES.add("SparseToDense", np.array([[0, 1], [2, 0]], np.int32), ints(3, 2), normal(2), scalar(-1.5, np.float32),
          gradient=False)  # fmt: skip
CASES.add("SparseToDense", ints(1, 3), ints(5), scalar(1, np.float32), scalar(0, np.float32), gradient=False)
ENTRIES = np.array([[0, 1], [1, 0], [1, 2], [3, 2]], np.int64)
for transposed in (False, True):
    CASES.add("SparseTensorDenseMatMul", ENTRIES, normal(4), np.array([4, 3], np.int64),
              normal(2, 3) if transposed else normal(3, 2), adjoint_b=transposed)  # fmt: skip
CASES.add("SparseTensorDenseMatMul", ENTRIES, normal(4), np.array([4, 3], np.int64), normal(4, 2), adjoint_a=True)

for below, above in ((-1, 0), (0, -1), (1, 2), (0, 0), (-1, -1)):
    CASES.add("MatrixBandPart", normal(2, 4, 5), scalar(below), scalar(above))
CASES.add("Diag", normal(3))
CASES.add("Diag", normal(2, 3))
CASES.add("DiagPart", normal(2, 3, 2, 3))
CASES.add("MatrixDiag", normal(2, 3))
CASES.add("MatrixDiagPart", normal(2, 3, 4))

CASES.add("Roll", normal(3, 4), scalar(2), scalar(1))
CASES.add("Roll", normal(3, 4), ints(-1, 5), ints(0, 1))
CASES.add("ReverseSequence", normal(3, 5, 2), ints(2, 5, 0), seq_dim=1)
CASES.add("ReverseSequence", normal(5, 2, 3), np.array([2, 5, 1], np.int64), seq_dim=0, batch_dim=2)
CASES.add("BroadcastArgs", ints(3, 1), ints(4, 1, 5), gradient=False)
PADS = np.array([[1, 0], [0, 1]], np.int32)
CASES.add("SpaceToBatch", normal(2, 3, 5, 2), PADS, block_size=2)
CASES.add("BatchToSpace", normal(8, 2, 3, 2), PADS, block_size=2)

BOXES = np.array([[0.1, 0.2, 0.8, 0.9], [0.9, 0.1, 0.3, 0.6], [-0.3, 0.4, 1.2, 0.7]], np.float32)
for size, outside in (((3, 4), 0.0), ((1, 5), 0.0), ((4, 1), 2.5)):
    CASES.add("CropAndResize", normal(2, 6, 5, 3), BOXES, ints(0, 1, 1), ints(*size), extrapolation_value=outside)
CASES.add(
    "CropAndResize",
    normal(2, 6, 5, 3),
    BOXES + np.float32(0.013),
    ints(0, 1, 1),
    ints(3, 4),
    method="nearest",
    gradient=False,
)
for padding, rates, strides in itertools.product(
    ("SAME", "VALID"), ((1, 1, 1, 1), (1, 2, 1, 1)), ((1, 1, 1, 1), (1, 2, 3, 1))
):
    CASES.add("ExtractImagePatches", normal(2, 7, 6, 3), ksizes=(1, 3, 2, 1), strides=strides, rates=rates,
              padding=padding)  # fmt: skip

for name in ("Tan", "Sinh", "Cosh", "Atan", "Asinh"):
    CASES.add(name, normal(3, 4))
for name in ("Asin", "Acos", "Atanh"):
    CASES.add(name, positive(3, 4) / 2.5)
CASES.add("Acosh", 1 + positive(3, 4))
CASES.add("Lgamma", 2 * positive(3, 4))
CASES.add("Atan2", normal(3, 4), normal(4))
for name in ("Xlogy", "Xdivy"):
    CASES.add(name, normal(3, 4), positive(4))
    CASES.add(name, np.array([0, 0, 2], np.float32), np.array([0, 3, 1.5], np.float32))
for axes, kept in ((ints(1), False), (ints(0, 2), True)):
    CASES.add("EuclideanNorm", normal(2, 3, 4), axes, keep_dims=kept)
