"""Element-wise arithmetic, comparisons, activations and products of matrices."""

import numpy as np

from operation_cases.case import Cases, normal, positive, scalar, tied, truths, whole

CASES = Cases()

for name in ("Add", "AddV2", "Sub", "Mul", "SquaredDifference", "Maximum", "Minimum"):
    CASES.add(name, normal(3, 4), normal(3, 4))
    CASES.add(name, normal(2, 3, 4), normal(4))
    CASES.add(name, tied(2, 1, 4), tied(3, 1))
    CASES.add(name, normal(2, 3), normal())
    CASES.add(name, scalar(3), whole(3), gradient=False)
for name in ("RealDiv", "Div"):
    CASES.add(name, normal(3, 4), positive(4))
    CASES.add(name, normal(), positive(2, 3))
CASES.add("Div", whole(20), np.repeat(np.array([2, -2, 3, -3], np.int32), 5), gradient=False)
CASES.add("DivNoNan", normal(4, 4), tied(4, 4))
for name in ("FloorDiv", "FloorMod", "Mod", "TruncateMod", "TruncateDiv"):
    CASES.add(name, whole(20), np.repeat(np.array([2, -2, 3, -3], np.int32), 5), gradient=False)
for name in ("FloorDiv", "FloorMod"):
    CASES.add(name, 5 * normal(20), np.repeat(np.array([2, -2, 0.7, -0.7], np.float32), 5), gradient=name == "FloorMod")
CASES.add("Mod", 5 * normal(20), np.repeat(np.array([2, -2, 0.7, -0.7], np.float32), 5), gradient=False)
CASES.add("TruncateMod", 5 * normal(20), np.repeat(np.array([2, -2, 0.7, -0.7], np.float32), 5), gradient=False)
CASES.add("Pow", positive(3, 4), normal(4))
CASES.add("Pow", positive(3, 4), scalar(0.5, np.float32))
CASES.add("Pow", scalar(0.96, np.float32), scalar(7, np.float32))
CASES.add("Pow", np.array([-2, -0.5, 0, 3], np.float32), scalar(2, np.float32))
CASES.add("Pow", whole(4), scalar(3), gradient=False)
for name in ("AddN", "AccumulateNV2"):
    shape = {"shape": (2, 3)} if name == "AccumulateNV2" else {}
    CASES.add(name, normal(2, 3), normal(2, 3), normal(2, 3), **shape)
    CASES.add(name, normal(2, 3), **shape)
CASES.add("ClipByValue", tied(4, 5), scalar(-1, np.float32), scalar(1, np.float32))
CASES.add("ClipByValue", normal(4, 5), scalar(-0.5, np.float32), scalar(0.3, np.float32))

for name in ("Neg", "Abs", "Square", "Exp", "Expm1", "Erf", "Erfc", "Sin", "Cos", "Sigmoid", "Tanh", "Sign"):
    CASES.add(name, normal(3, 4))
    CASES.add(name, tied(3, 4))
    CASES.add(name, normal())
for name in ("Reciprocal", "Inv", "Sqrt", "Rsqrt", "Log", "Log1p"):
    CASES.add(name, positive(3, 4))
CASES.add("Sqrt", np.array([0, 1, 4], np.float32))
for name in ("Floor", "Ceil", "Round", "Rint"):
    CASES.add(name, np.array([-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 0.2, -0.7], np.float32), gradient=name != "Rint")
for name in ("Neg", "Abs", "Square", "Sign"):
    CASES.add(name, whole(5), gradient=False)

CASES.add("MatMul", normal(3, 4), normal(4, 5))
for first in (False, True):
    for second in (False, True):
        x, y = (normal(4, 3) if first else normal(3, 4)), (normal(5, 4) if second else normal(4, 5))
        CASES.add("MatMul", x, y, transpose_a=first, transpose_b=second)
        for name in ("BatchMatMul", "BatchMatMulV2"):
            many = np.stack([x, 2 * x]), np.stack([y, -y])
            CASES.add(name, *many, adj_x=first, adj_y=second)
CASES.add("BatchMatMulV2", normal(2, 1, 3, 4), normal(5, 4, 2))
CASES.add("BatchMatMulV3", normal(2, 3, 4), normal(2, 4, 5), Tout="float32")
CASES.pop()  # its type of output would be float32 in double precision too
CASES.add("Einsum", normal(2, 3, 4), normal(4, 5), equation="bij,jk->bik")
CASES.add("Einsum", normal(3, 4), equation="ij->ji")

for name in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
    CASES.add(name, tied(3, 4), tied(4), gradient=False)
    CASES.add(name, whole(5), scalar(2), gradient=False)
CASES.add("Equal", truths(5), truths(5), gradient=False)
for name in ("LogicalAnd", "LogicalOr"):
    CASES.add(name, truths(3, 4), truths(4), gradient=False)
CASES.add("LogicalNot", truths(5), gradient=False)
for name in ("IsNan", "IsInf", "IsFinite"):
    CASES.add(name, np.array([0, np.nan, np.inf, -np.inf], np.float32), gradient=False)

for name in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign", "LeakyRelu"):
    CASES.add(name, 4 * normal(5, 6))
    CASES.add(name, 3 * tied(5, 6))
CASES.add("Softplus", np.array([-60, -30, -20, 15, 25, 39, 41, 60], np.float32))
CASES.add("LeakyRelu", normal(3, 4), alpha=0.5)
for name in ("Softmax", "LogSoftmax"):
    CASES.add(name, 3 * normal(4, 5))
    CASES.add(name, normal(2, 3, 4))
    CASES.add(name, normal(6))
