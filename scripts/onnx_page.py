"""Writes the table of docs/onnx.md: ONNX's operations that regraft reads, from the table it uses itself."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

from onnx import defs

from regraft.formats.onnx.modelfile import OLDEST
from regraft.formats.onnx.ops import OPS

PAGE = Path(__file__).parent.parent / "docs/onnx.md"
HEAD = "| operation | opsets | notes |\n|---|---|---|\n"
NOTHING = "Nothing is refused."


def table() -> str:
    """The whole table, a line for each operation."""
    own = {name: (versions(name), said(name)) for name in OPS}
    made = {name: (versions(name), "") for name in made_of_others()}
    rows = sorted((own | made).items(), key=lambda row: row[0].lower())
    return HEAD + "".join(f"| {name} | {opsets} | {refused} |\n" for name, (opsets, refused) in rows)


def made_of_others() -> list[str]:
    """Operations taken apart into the ones that ONNX itself says they are short for."""
    newest = {schema.name: schema for schema in defs.get_all_schemas() if schema.domain == ""}
    return [name for name, schema in newest.items() if name not in OPS and schema.has_function and runs(schema)]


def runs(schema: defs.OpSchema) -> bool:
    """Whether all that an operation is made of is known."""
    return all(one.op_type in (*OPS, "Constant", "If") for one in schema.function_body.node)


def versions(name: str) -> str:
    """The opsets that changed the operation, from the oldest that is read."""
    found = sorted(schema.since_version for schema in history()
                   if (schema.name, schema.domain) == (name, "") and not schema.deprecated)  # fmt: skip
    read = [OLDEST if version < OLDEST else version for version in found]
    return ", ".join(str(version) for version in dict.fromkeys(read))


@cache
def history() -> list[defs.OpSchema]:
    """Every operation of every opset."""
    return defs.get_all_schemas_with_history()


def said(name: str) -> str:
    """What the operation's handler says is refused."""
    text = " ".join(inspect.cleandoc(OPS[name].__doc__ or "").split())
    return "" if text == NOTHING else text


def page(text: str) -> str:
    """The page with its table made anew."""
    return text[: text.index(HEAD)] + table()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
