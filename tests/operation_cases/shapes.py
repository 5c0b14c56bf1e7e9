"""Shapes read and changed, tensors joined, cut, filled and rearranged."""

import numpy as np

from operation_cases.case import Cases, ints, normal, scalar, truths, whole

CASES = Cases()

CASES.add("Reshape", normal(2, 6), ints(3, -1))
CASES.add("Reshape", normal(1, 1), ints())
CASES.add("Reshape", normal(), ints(1, 1))
CASES.add("Reshape", whole(2, 6), np.array([4, 3], np.int64), gradient=False)
CASES.add("Squeeze", normal(2, 1, 3, 1))
CASES.add("Squeeze", normal(1, 1, 3, 1), squeeze_dims=(1, -1))
CASES.add("Squeeze", normal(1, 1))
for axis in (0, 2, -1, -2):
    CASES.add("ExpandDims", normal(2, 3), scalar(axis))
CASES.add("ExpandDims", normal(), ints(0))
CASES.add("Transpose", normal(2, 3, 4), ints(2, 0, 1))
CASES.add("Transpose", normal(), ints())
for name, shapes in (("Shape", ((2, 3), ())), ("Size", ((2, 3), ())), ("Rank", ((2, 3), ()))):
    for shape in shapes:
        CASES.add(name, normal(*shape), gradient=False)
CASES.add("Shape", normal(2, 0, 3), out_type="int64", gradient=False)
CASES.add("Size", normal(2, 3), out_type="int64", gradient=False)
CASES.add("ShapeN", normal(2, 3), normal(4), outputs=2, gradient=False)
for axis in (0, 1, -1, 2):
    CASES.add("Pack", normal(2, 3), normal(2, 3), normal(2, 3), axis=axis)
CASES.add("Pack", scalar(3), scalar(-1), gradient=False)
CASES.add("Unpack", normal(3, 2), num=3, outputs=3)
CASES.add("Unpack", normal(2, 3, 4), num=3, axis=-2, outputs=3)
CASES.add("Split", scalar(1), normal(2, 6), num_split=3, outputs=3)
CASES.add("Split", scalar(-1), normal(2, 6), num_split=2, outputs=2)
CASES.add("SplitV", normal(2, 6), ints(1, 3, 2), scalar(1), num_split=3, outputs=3)
CASES.add("SplitV", normal(2, 6), ints(1, -1), scalar(-1), num_split=2, outputs=2)
CASES.add("Concat", scalar(1), normal(2, 3), normal(2, 1))
CASES.add("Concat", scalar(0), normal(2, 3), normal(4, 3))
for axis in (1, -1):
    CASES.add("ConcatV2", normal(2, 3), normal(2, 1), normal(2, 2), scalar(axis))
CASES.add("ConcatV2", whole(2), whole(3), scalar(0), gradient=False)
CASES.add("ConcatV2", normal(2, 0), normal(2, 3), scalar(1))
CASES.add("Slice", normal(4, 5), ints(1, 2), ints(2, -1))
CASES.add("Slice", normal(4, 5), ints(0, 1), ints(0, 3))

SLICED = normal(4, 5, 6)
CASES.add("StridedSlice", SLICED, ints(1, 0, 2), ints(3, 5, 6), ints(1, 2, 1))
CASES.add("StridedSlice", SLICED, ints(0, 1), ints(0, 0), ints(1, 1), begin_mask=1, end_mask=1, shrink_axis_mask=2)
CASES.add("StridedSlice", SLICED, ints(-1, -4), ints(-3, 9), ints(-1, 2))
CASES.add("StridedSlice", SLICED, ints(0, 0), ints(0, 0), ints(-1, -2), begin_mask=3, end_mask=3)
CASES.add("StridedSlice", SLICED, ints(0, 0, 1), ints(0, 0, 5), ints(1, 1, 2), ellipsis_mask=1, new_axis_mask=2)
CASES.add(
    "StridedSlice",
    SLICED,
    ints(1, 0, -2),
    ints(2, 0, 0),
    ints(1, 1, -1),
    ellipsis_mask=2,
    shrink_axis_mask=1,
    end_mask=4,
)
CASES.add(
    "StridedSlice",
    SLICED,
    ints(0, 2, 0),
    ints(0, 3, 0),
    ints(1, 1, 1),
    new_axis_mask=1,
    shrink_axis_mask=2,
    begin_mask=4,
    end_mask=4,
)
CASES.add(
    "StridedSlice", SLICED, ints(0, 0, 3, 0), ints(0, 0, 1, 0), ints(1, 1, -1, 1), new_axis_mask=9, ellipsis_mask=2
)
CASES.add("StridedSlice", SLICED, ints(7), ints(9), ints(1))
CASES.add("StridedSlice", ints(7, 8, 9), ints(-2), ints(-1), ints(1), shrink_axis_mask=1, gradient=False)
CASES.add("StridedSlice", ints(7, 8, 9), ints(0), ints(2), ints(1), gradient=False)

CASES.add("Reverse", normal(2, 3, 4), np.array([True, False, True]))
CASES.add("ReverseV2", normal(2, 3, 4), ints(0, -1))
CASES.add("ReverseV2", normal(2, 3), ints())
CASES.add("BroadcastTo", normal(3, 1), ints(2, 3, 4))
CASES.add("BroadcastTo", normal(), ints(2))
CASES.add("Tile", normal(2, 3), ints(2, 1))
CASES.add("Tile", normal(2, 3), ints(1, 0))
CASES.add("Tile", normal(), ints())

CASES.add("Fill", ints(2, 3), normal())
CASES.add("Fill", ints(), scalar(3), gradient=False)
CASES.add("Range", scalar(0), scalar(5), scalar(1), gradient=False)
CASES.add("Range", scalar(5), scalar(-2), scalar(-3), gradient=False)
CASES.add("Range", scalar(0, np.float32), scalar(1, np.float32), scalar(0.25, np.float32), gradient=False)
CASES.add("LinSpace", scalar(0, np.float32), scalar(1, np.float32), scalar(4), gradient=False)
for name in ("ZerosLike", "OnesLike"):
    CASES.add(name, normal(2, 3), gradient=False)
    CASES.add(name, truths(3), gradient=False)
CASES.add("InvertPermutation", ints(2, 0, 1), gradient=False)

AROUND = np.array([[1, 2], [0, 3]], np.int32)
CASES.add("Pad", normal(2, 3), AROUND)
CASES.add("Pad", normal(2, 3, 4, 2), np.array([[0, 0], [1, 2], [3, 0], [0, 0]], np.int32))
CASES.add("Pad", whole(2, 3), AROUND, gradient=False)
CASES.add("PadV2", normal(2, 3), AROUND, scalar(-7, np.float32), gradient=False)
for mode in ("REFLECT", "SYMMETRIC"):
    CASES.add("MirrorPad", normal(3, 5), AROUND, mode=mode)
    CASES.add("MirrorPad", normal(2, 4, 5, 3), np.array([[0, 0], [3, 2], [1, 4], [0, 0]], np.int32), mode=mode)

PADDED = np.array([[1, 0], [2, 1]], np.int32)
CASES.add("SpaceToBatchND", normal(2, 5, 6, 3), ints(2, 3), PADDED)
CASES.add("BatchToSpaceND", normal(12, 3, 3, 2), ints(2, 3), PADDED)
CASES.add("SpaceToBatchND", normal(2, 6, 3), ints(2), np.array([[1, 1]], np.int32))
CASES.add("BatchToSpaceND", normal(4, 3, 3), ints(2), np.array([[1, 1]], np.int32))
CASES.add("SpaceToDepth", normal(2, 4, 6, 3), block_size=2)
CASES.add("DepthToSpace", normal(2, 4, 3, 12), block_size=2)
CASES.add("SpaceToDepth", normal(2, 3, 4, 6), block_size=2, data_format="NCHW")
CASES.add("DepthToSpace", normal(2, 12, 4, 3), block_size=2, data_format="NCHW")
