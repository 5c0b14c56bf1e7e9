"""Operations that hand their input on."""

import numpy as np

from operation_cases.case import Cases, ints, normal, scalar, tied, truths, whole

CASES = Cases()
for name in ("Identity", "StopGradient", "RefIdentity", "ReadVariableOp"):
    CASES.add(name, normal(2, 3))
CASES.add("Identity", scalar(3))
CASES.add("PlaceholderWithDefault", normal(2, 3), shape=(None, 3), gradient=False)
CASES.add("Snapshot", normal(2, 3), gradient=False)
CASES.add("IdentityN", normal(2, 3), whole(4), normal(), outputs=3)
CASES.add("PreventGradient", normal(2), message="no", gradient=False)
CASES.add("CheckNumerics", normal(2, 3), message="bad")
CASES.add("EnsureShape", normal(2, 3), shape=(None, 3))
CASES.add("Print", normal(2), whole(2), message="seen: ", first_n=1, summarize=1)
CASES.add("Cast", np.array([-1.7, -0.5, 0.0, 0.5, 2.9], np.float32), DstT="int32", gradient=False)
CASES.add("Cast", np.array([-1.7, 0.0, 0.5], np.float32), DstT="bool", gradient=False)
CASES.add("Cast", np.array([0, 3, 255], np.uint8), DstT="float32", gradient=False)
CASES.add("Cast", truths(5), DstT="float32", gradient=False)
CASES.add("Cast", whole(5), DstT="int64", gradient=False)
CASES.add("Cast", normal(2, 2), DstT="float64")
CASES.add("Cast", normal(2, 2), DstT="float32")
CASES.add("Cast", scalar(7), DstT="float32", gradient=False)
CASES.add("StopGradient", tied(), gradient=True)
CASES.add("Identity", ints())
