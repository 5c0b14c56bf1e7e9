"""The layers of a model and how they are called, from the configs of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from regraft.errors import UnreadableFile, UnsafeFile, UnsupportedFormat

MODELS = ("Functional", "Model", "Sequential")
_CONSTANT = "_CONSTANT_VALUE"
_DEPTH = 20
T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    """One output of a call of a layer."""

    layer: str
    call: int
    index: int


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What a layer is called with: numbers, texts, `Made` values, and lists and dictionaries of them."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def reads(self) -> Iterator[Made]:
        """The values among them."""
        yield from values(Made, (self.args, self.kwargs))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer, or a model that is used as one.

    Attributes:
        kind: its class ("Conv2D").
        module: where Keras has it ("keras.src.ops.numpy"), "" where the file does not say.
        calls: one for each use of it; of a Sequential's layers one, of the value before.
        model: what is in it, where it is a model or wraps one layer.
    """

    name: str
    kind: str
    module: str
    config: Mapping[str, Any]
    calls: tuple[Arguments, ...]
    built: Any = None
    model: Model | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    """Layers in the order of the file."""

    name: str
    kind: str
    layers: tuple[Layer, ...] = field(repr=False)
    inputs: tuple[Made, ...]
    outputs: tuple[Made, ...]


def values(kind: type[T], structure: Any) -> Iterator[T]:
    """Everything of a kind in lists and dictionaries of arguments, in their order."""
    if isinstance(structure, kind):
        yield structure
    elif isinstance(structure, Mapping):
        for value in structure.values():
            yield from values(kind, value)
    elif isinstance(structure, list | tuple):
        for value in structure:
            yield from values(kind, value)


class Reader:
    """Reads one file's config; `where` is the file, `keras` the major version that wrote it."""

    def __init__(self, where: str, keras: int) -> None:
        self.where = where
        self.keras = keras

    def model(self, config: Mapping[str, Any], depth: int = 0) -> Model:
        """The model that a config describes.

        Raises:
            UnreadableFile: it contradicts itself.
            UnsupportedFormat: it is of a class that keeps its layers in Python code.
        """
        if depth > _DEPTH:
            raise UnsafeFile("models lie in models too deep", where=self.where)
        kind, inside = self.kind(config), config.get("config")
        if kind not in MODELS:
            raise UnsupportedFormat(
                f"the model's class is {kind}: its layers are wired in Python code, which the file does not hold",
                where=self.where,
                expected="Sequential, or Functional (keras.Model(inputs, outputs))",
                got=kind,
                fix="its weights: regraft.load_weights puts them into a module of your own",
            )
        if isinstance(inside, list):  # the first Sequentials were a list of layers
            inside = {"layers": inside}
        inside = self.table(inside, f"the config of a {kind}")
        made = [self.layer(one, depth) for one in self.list(inside.get("layers"), "layers")]
        name = str(inside.get("name") or kind.lower())
        if len({layer.name for layer in made}) != len(made):
            names = [layer.name for layer in made]
            twice = next(one for one in names if names.count(one) > 1)
            raise self.wrong("two layers of a model have one name", got=twice)
        if kind == "Sequential":
            return self._sequential(name, made, inside, config)
        ends = [tuple(self._ends(inside.get(key))) for key in ("input_layers", "output_layers")]
        if not all(ends):
            raise self.wrong("a model has no inputs or no outputs", got=name)
        return Model(name=name, kind=kind, layers=tuple(made), inputs=ends[0], outputs=ends[1])

    def layer(self, config: Any, depth: int) -> Layer:
        """The layer that a config describes."""
        config = self.table(config, "a layer")
        kind, inside = self.kind(config), config.get("config")
        inside = {"layers": inside} if isinstance(inside, list) else self.table(inside, f"the config of a {kind}")
        wrapped = kind in ("TimeDistributed", "Bidirectional")
        name = config.get("name") or inside.get("name")
        if not isinstance(name, str) or not name:
            raise self.wrong("a layer has no name", got=kind)
        calls = config.get("inbound_nodes") or []
        own: Model | None = None
        if kind in MODELS:
            own = self.model(config, depth + 1)
        elif wrapped:
            if depth > _DEPTH:
                raise UnsafeFile("layers lie in layers too deep", where=self.where)
            parts = [inside.get("layer"), inside.get("backward_layer")]
            inner = tuple(self.layer(part, depth + 1) for part in parts if part is not None)
            if not inner:
                raise self.wrong("a layer wraps none", got=name)
            own = Model(name=name, kind=kind, layers=inner, inputs=(), outputs=())
        return Layer(
            name=name,
            kind=kind,
            module=str(config.get("module") or ""),
            config=inside,
            calls=tuple(self._call(one) for one in self.list(calls, "inbound_nodes")),
            built=(config.get("build_config") or {}).get("input_shape") or inside.get("build_input_shape"),
            model=own,
        )

    def _sequential(self, name: str, layers: Sequence[Layer], inside: Any, outer: Any) -> Model:
        """Each layer is called with what the one before gives; the input may have no layer of its own."""
        if not layers:
            raise self.wrong("a Sequential has no layers", got=name)
        made = list(layers)
        if made[0].kind != "InputLayer":
            made.insert(0, self._own_input(name, made[0], inside, outer))
        before = Made(made[0].name, 0, 0)
        wired = [made[0]]
        for layer in made[1:]:
            call = Arguments(args=(before,), kwargs={})
            wired.append(
                Layer(
                    name=layer.name,
                    kind=layer.kind,
                    module=layer.module,
                    config=layer.config,
                    calls=(call,),
                    model=layer.model,
                )
            )
            before = Made(layer.name, 0, 0)
        return Model(
            name=name, kind="Sequential", layers=tuple(wired), inputs=(Made(made[0].name, 0, 0),), outputs=(before,)
        )

    def _own_input(self, name: str, first: Layer, inside: Any, outer: Any) -> Layer:
        built = (outer.get("build_config") or {}).get("input_shape") if isinstance(outer, Mapping) else None
        shape = first.config.get("batch_input_shape") or inside.get("build_input_shape") or built
        if shape is None and first.model is not None and first.model.inputs:
            inner = next((one for one in first.model.layers if one.name == first.model.inputs[0].layer), None)
            shape = inner and (inner.config.get("batch_shape") or inner.config.get("batch_input_shape"))
        if shape is None and "input_length" in first.config:
            shape = [None, first.config["input_length"]]
        config = {"batch_shape": shape, "dtype": first.config.get("dtype") if shape else None}
        return Layer(name=f"{first.name}_input", kind="InputLayer", module="", config=config, calls=())

    # --- calls --------------------------------------------------------------------------------------

    def _call(self, node: Any) -> Arguments:
        if isinstance(node, Mapping) and "args" in node:
            args = tuple(self._new(one, 0) for one in self.list(node["args"], "args"))
            kwargs = {key: self._new(one, 0) for key, one in self.table(node.get("kwargs") or {}, "kwargs").items()}
            return Arguments(args=args, kwargs=kwargs)
        if isinstance(node, list) and node and isinstance(node[0], str):
            node = [node]
        entries = list(node.values()) if isinstance(node, Mapping) else self.list(node, "inbound_nodes")
        made = [self._old(one) for one in entries]
        if not made:
            raise self.wrong("a layer is called with nothing")
        last = entries[0]
        given = last[3] if len(last) > 3 and isinstance(last[3], Mapping) else {}
        kwargs = {key: self._old_argument(value, 0) for key, value in given.items()}
        return Arguments(args=(made[0] if len(made) == 1 else made,), kwargs=kwargs)

    def _old(self, entry: Any) -> Any:
        """Keras 2's [name, call, index, kwargs]; a constant stands in the place of the index."""
        entry = self.list(entry, "inbound_nodes")
        if len(entry) >= 3 and entry[0] == _CONSTANT:
            return entry[2]
        return self._made(entry)

    def _made(self, entry: Sequence[Any]) -> Made:
        """Of [name, call, index]."""
        number = [isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 31 for one in entry[1:3]]
        if len(entry) < 3 or not isinstance(entry[0], str) or not all(number):
            raise self.wrong("a value cannot be told", expected="[layer, call, index]", got=str(entry)[:100])
        return Made(entry[0], entry[1], entry[2])

    def _old_argument(self, value: Any, depth: int) -> Any:
        if depth > _DEPTH:
            raise UnsafeFile("arguments lie in arguments too deep", where=self.where)
        if isinstance(value, list):
            if len(value) in (3, 4) and isinstance(value[0], str) and all(isinstance(one, int) for one in value[1:3]):
                return self._made(value)
            if len(value) >= 3 and value[0] == _CONSTANT:
                return value[2]
            return [self._old_argument(one, depth + 1) for one in value]
        if isinstance(value, Mapping):
            if set(value) == {"start", "stop", "step"}:
                return self._slice(value, depth)
            return {key: self._old_argument(one, depth + 1) for key, one in value.items()}
        return value

    def _new(self, value: Any, depth: int) -> Any:
        """Keras 3's form of an argument."""
        if depth > _DEPTH:
            raise UnsafeFile("arguments lie in arguments too deep", where=self.where)
        if isinstance(value, list):
            return [self._new(one, depth + 1) for one in value]
        if not isinstance(value, Mapping):
            return value
        inside = value.get("config")
        match value.get("class_name"):
            case "__keras_tensor__":
                history = self.table(inside, "a value").get("keras_history")
                return self._made(self.list(history, "keras_history"))
            case "__tuple__" | "__list__":
                return [self._new(one, depth + 1) for one in self.list(value.get("items", inside), "items")]
            case "__numpy__" | "__tensor__":
                return self.table(inside, "numbers").get("value")
            case "__slice__":
                return self._slice(inside if isinstance(inside, Mapping) else value, depth)
            case "__ellipsis__":
                return ...
            case None:
                return {key: self._new(one, depth + 1) for key, one in value.items()}
            case _:
                return value  # an object, which the layer may know

    def _slice(self, value: Mapping[str, Any], depth: int) -> Any:
        parts = [value.get(key) for key in ("start", "stop", "step")]
        if not all(part is None or (isinstance(part, int) and not isinstance(part, bool)) for part in parts):
            return {"computed": [self._old_argument(part, depth + 1) for part in parts]}
        return slice(*parts)

    def _ends(self, ends: Any) -> Iterator[Made]:
        """The values of input_layers or output_layers: one, a list or a dictionary of them."""
        if isinstance(ends, Mapping):
            ends = list(ends.values())
        ends = self.list(ends, "input_layers and output_layers")
        if ends and isinstance(ends[0], str):
            yield self._made(ends)
            return
        for end in ends:
            yield from self._ends(end)

    # --- checks -------------------------------------------------------------------------------------

    def kind(self, config: Mapping[str, Any]) -> str:
        """The class of a model or a layer."""
        kind = config.get("class_name")
        if not isinstance(kind, str):
            raise self.wrong("a layer has no class", expected="class_name", got=str(list(config))[:100])
        return kind.rpartition(">")[2]

    def table(self, value: Any, what: str) -> Mapping[str, Any]:
        """A JSON object."""
        if not isinstance(value, Mapping):
            raise self.wrong(f"{what} cannot be read", expected="a JSON object", got=str(value)[:100])
        return value

    def list(self, value: Any, what: str) -> list[Any]:
        """A JSON list."""
        if not isinstance(value, list):
            raise self.wrong(f"{what} cannot be read", expected="a JSON list", got=str(value)[:100])
        return value

    def wrong(self, what: str, expected: str | None = None, got: str | None = None) -> UnreadableFile:
        """The error for a config that contradicts itself."""
        return UnreadableFile(f"the description of the layers is damaged: {what}", where=self.where, expected=expected,
                              got=got)  # fmt: skip
