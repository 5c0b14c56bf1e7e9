"""Names for the tensors of a program: the result of a module's call has the module's name.

"layer4.1.bn2" is what the module of that name gives, "layer4.1/add" an operation in the forward of layer4.1 itself,
"layer1.0.relu@2" what the second call of a module gives that is called twice. Where a module ends in a call of another
one, the result has the inner one's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from regraft.formats.pytorch.program import Call, Step

_NUMBERED = re.compile(r"@(\d+)$")


def names_of(steps: Iterable[Step], tensors: Collection[str], taken: Iterable[str]) -> dict[str, str]:
    """A name for the result of each step.

    Args:
        tensors: the steps that give one tensor; only these can be the result of a module.
        taken: names that are given already: those of parameters and inputs.
    """
    steps = list(steps)
    last: dict[str, str] = {}  # a call -> the step that gives its result
    for step in steps:
        if step.name in tensors:
            last |= {call.key: step.name for call in step.calls}
    used, counts = set(taken), Counter[str]()
    return {step.name: _free(_name(step, last), used, counts) for step in steps}


def base_name(target: str) -> str:
    """The plain name of an operation: "add" for "aten.add_.Tensor"."""
    name = target.split(".")[1] if target.count(".") else target
    return name.strip("_") or name


def _name(step: Step, last: dict[str, str]) -> str:
    inner = step.calls[-1] if step.calls else Call("", "", "")
    label = _label(inner)
    if label and last.get(inner.key) == step.name:
        return label
    return f"{label}/{base_name(step.target)}" if label else base_name(step.target)


def _label(call: Call) -> str:
    found = _NUMBERED.search(call.key)
    return f"{call.path}@{int(found[1]) + 1}" if found and call.path else call.path


def _free(name: str, used: set[str], counts: Counter[str]) -> str:
    chosen = next(free for free in _numbered(name, counts) if free not in used)
    used.add(chosen)
    return chosen


def _numbered(name: str, counts: Counter[str]) -> Iterator[str]:
    while True:
        counts[name] += 1
        yield name if counts[name] == 1 else f"{name}@{counts[name]}"
