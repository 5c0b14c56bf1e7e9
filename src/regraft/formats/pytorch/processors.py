"""How pictures are fed to a model of transformers: the record of its image processor (preprocessor_config.json).

The record is read as plain data. What it leaves out has the default of the processor's class, which is never made.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

from regraft.errors import UnreadableFile
from regraft.formats.pytorch.pictures import interpolation
from regraft.network.graph import InputSpec

Rule = Literal["antialias", "stretched-bicubic", "bilinear", "bicubic"]

_KEYS = (
    "do_resize", "size", "default_to_square", "resample", "crop_pct", "do_center_crop", "crop_size",
    "do_rescale", "rescale_factor", "rescale_offset", "do_normalize", "image_mean", "image_std",
    "do_flip_channel_order",
)  # fmt: skip
_NEEDED = ("size", "do_rescale", "do_normalize")
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers
_STRETCHED: Mapping[str, Rule] = {"bilinear": "antialias", "bicubic": "stretched-bicubic"}
_WARPED = 384  # ConvNeXt's pictures of this size and above are stretched, and nothing is cut off
_LEVIT = 256 / 224  # LeViT's are made that much larger before the middle is cut out


class _Unlike(Exception):
    """The processor does what an input's description has no word for."""


def processor_picture(said: Mapping[str, Any], kind: Any, channels: int, where: str) -> InputSpec | None:
    """The input of a model, from its image processor's record; None where that cannot be described, which is said.

    Args:
        said: the record.
        kind: the processor's class, for its defaults; None where transformers has none of that name.
        channels: of the model's pictures.
        where: the folder or repository.

    Raises:
        UnreadableFile: the record is damaged.
    """
    try:
        return _spec(_complete(said, kind), getattr(kind, "__name__", ""), channels)
    except _Unlike as reason:
        warnings.warn(
            f"{where}: how pictures are fed is not taken from preprocessor_config.json: {reason}; say it: --input",
            stacklevel=2,
        )
        return None
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
        raise UnreadableFile(
            "the record of the image processor is damaged",
            where=f"{where}, preprocessor_config.json",
            got=f"{type(error).__name__}: {error}"[:200],
            fix="copy it again from where the model came",
        ) from error


def _complete(said: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """The record with the defaults of the class."""
    if kind is None:
        raise _Unlike("transformers does not know its processor")
    given = {key: said[key] for key in _KEYS if said.get(key) is not None}
    lacking = [key for key in _NEEDED if key not in given and not hasattr(kind, key)]
    if lacking:
        raise _Unlike(f"it says nothing of {', '.join(lacking)}")
    return {key: getattr(kind, key, None) for key in _KEYS} | given


def _spec(record: Mapping[str, Any], kind: str, channels: int) -> InputSpec:
    height, width, longer = _sizes(record, kind)
    rule: Rule = interpolation(_FILTERS[int(record["resample"])])
    if longer is None or "height" in _sides(record):
        rule = _STRETCHED[rule]
        if rule == "antialias" and longer is not None:
            raise _Unlike("pictures are stretched bilinearly before the middle is cut out")
    scale = 255 * float(record["rescale_factor"]) if record["do_rescale"] else 255.0
    shift = -1.0 if record["do_rescale"] and record["rescale_offset"] else 0.0
    colours = "bgr" if record["do_flip_channel_order"] else "rgb"
    return InputSpec(
        name="",
        shape=(None, channels, height, width),
        layout="NCHW",
        channels=colours if channels == 3 else "grey" if channels == 1 else None,
        range=(shift, scale + shift),
        mean=_numbers(record["image_mean"]) if record["do_normalize"] else (),
        std=_numbers(record["image_std"]) if record["do_normalize"] else (),
        crop=1.0 if longer is None else height / longer,
        resize=rule,
        origin="file",
    )


def _sizes(record: Mapping[str, Any], kind: str) -> tuple[int, int, int | None]:
    """Height and width of what is fed, and how high the picture is made before the middle is cut out, if it is."""
    if not record["do_resize"]:
        raise _Unlike("pictures keep their size")
    sides, share = _sides(record), record["crop_pct"]
    cropped = _pair(record["crop_size"]) if record["do_center_crop"] else None
    if "height" in sides:
        height, width = int(sides["height"]), int(sides["width"])
        return (height, width, None) if cropped is None else _cropped(cropped, height, width)
    if "shortest_edge" not in sides or "longest_edge" in sides:
        raise _Unlike(f"the size is said by {', '.join(map(str, sides))}")
    side = int(sides["shortest_edge"])
    if cropped is None and share is None:
        raise _Unlike("their shape follows the picture's")
    if cropped is None and side >= _WARPED:
        return side, side, None
    longer = int(side / share) if share is not None else int(side * _LEVIT) if kind.startswith("Levit") else side
    return _cropped(cropped or (side, side), longer, longer)


def _cropped(size: tuple[int, int], height: int, width: int) -> tuple[int, int, int]:
    if size[0] * width != size[1] * height:
        raise _Unlike(f"{size[0]}x{size[1]} are cut out of {height}x{width}")
    if size[0] > height:
        raise _Unlike("pictures are padded")
    return *size, height


def _sides(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The size as {height, width} or {shortest_edge}; a number alone is what the class takes it for."""
    size = record["size"]
    if isinstance(size, Mapping):
        return size
    if isinstance(size, int) and not record["default_to_square"]:
        return {"shortest_edge": size}
    height, width = _pair(size)
    return {"height": height, "width": width}


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(map(float, [values] if isinstance(values, int | float) else values))
