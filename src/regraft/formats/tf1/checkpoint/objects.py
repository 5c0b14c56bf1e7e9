"""The names of variables in a checkpoint that TensorFlow 2 wrote, whose keys are the ways to objects of a program.

`model.save_weights`, `tf.train.Checkpoint` and SavedModels store "layer_with_weights-0/kernel/.ATTRIBUTES/
VARIABLE_VALUE", and beside it a graph of the program's objects with each variable's own name ("conv1/kernel"); see
tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from regraft.protobuf.wire import Message

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_NODES, _ATTRIBUTES = 1, 2
_FULL_NAME, _KEY = 2, 3


def names_of(graph: bytes, keys: Collection[str], where: str) -> dict[str, str]:
    """The variable's own name for each key that has one which no other has.

    Args:
        graph: the graph of objects, as the checkpoint stores it.
        keys: of the checkpoint.

    Raises:
        UnreadableFile: it is damaged.
    """
    attributes = [
        attribute
        for node in Message(memoryview(graph), where).messages(_NODES)
        for attribute in node.messages(_ATTRIBUTES)
    ]
    found = {attribute.text(_KEY): attribute.text(_FULL_NAME) for attribute in attributes}
    found = {key: name for key, name in found.items() if name and key in keys}
    times = Counter(found.values())
    return {key: name for key, name in found.items() if times[name] == 1 and name not in keys}
