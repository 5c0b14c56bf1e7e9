"""Layers that only do something in training, or only say something about what they hand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regraft.formats.keras.building import Call
from regraft.network.graph import Ref

AUGMENTING = (
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"),
    *(
        "RandomShear",
        "RandomGrayscale",
        "RandomHue",
        "RandomSaturation",
        "RandomColorJitter",
        "RandomColorDegeneration",
    ),
    *("RandomPosterization", "RandomSharpness", "RandomErasing", "RandomGaussianBlur", "RandomInvert"),
    *("RandomPerspective", "RandomElasticTransform"),
)


def in_training(call: Call, value: Ref, function: str, **settings: Any) -> Ref:
    """What a function makes of a value in training; the value itself in evaluation."""
    noisy = call.inner("noisy", function, value, **settings)
    return call.inner("chosen", "select", call.net.switch(), noisy, value)


def _rate(call: Call, *keys: str) -> float:
    rate = next((one for key in keys if (one := call.layer.config.get(key)) is not None), 0.0)
    if not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise call.wrong("the rate cannot be used", "from 0, below 1", str(rate)[:60])
    return float(rate)


def _noise(function: str, doc: str, *keys: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value()
        rate = _rate(call, *keys)
        if call.option("noise_shape") is not None:
            call.say("what is dropped together (noise_shape) is not followed in training: each value falls by itself")
        made = in_training(call, value.ref, function, rate=rate) if rate else value.ref
        call.give(made, value.shape, call.mask(value))

    handler.__doc__ = doc
    return handler


def spatial_dropout(call: Call) -> None:
    """In training whole channels set to 0."""
    value, rate = call.value(), _rate(call, "rate", "p")
    first = call.channels_first and value.rank > 3
    made = in_training(call, value.ref, "spatial_dropout", rate=rate, channels_first=first) if rate else value.ref
    call.give(made, value.shape, call.mask(value))


def gaussian_noise(call: Call) -> None:
    """In training normal numbers added."""
    value = call.value()
    deviation = call.option("stddev", call.option("sigma", 0.0))
    if not isinstance(deviation, int | float):
        raise call.wrong("stddev cannot be used", "a number", str(deviation)[:60])
    call.give(in_training(call, value.ref, "gaussian_noise", deviation=float(deviation)), value.shape, call.mask(value))


def same(call: Call) -> None:
    """The value itself."""
    value = call.value()
    call.give(value.ref, value.shape, call.mask(value))


def masking(call: Call) -> None:
    """Steps all of whose values are one number set to 0 and left out by what follows."""
    value = call.value()
    number = call.option("mask_value", 0.0)
    if isinstance(number, dict):
        number = number.get("config", {}).get("value", 0.0)
    differs = call.inner("differs", "not_equal", value.ref, call.constant("value", float(number), "float32"))
    axis = call.constant("axis", (value.rank - 1,))
    mask = call.inner("mask", "any", differs, axis, keep_dims=False)
    kept = call.inner("kept", "any", differs, axis, keep_dims=True)
    share = call.inner("share", "cast", kept, DstT="float32")
    call.give(call.inner("masked", "mul", value.ref, share), value.shape, mask)


def augmented(call: Call) -> None:
    """The picture itself: the random change in training is left out, and said."""
    value = call.value()
    call.say("changes pictures at random in Keras's training; here it hands them on unchanged")
    call.give(value.ref, value.shape, call.mask(value))


LAYERS = {
    "Dropout": _noise("dropout", "In training values set to 0.", "rate", "p"),
    "GaussianDropout": _noise("gaussian_dropout", "In training times normal numbers of mean 1.", "rate", "p"),
    "AlphaDropout": _noise("alpha_dropout", "In training values dropped so that mean and variance stay.", "rate", "p"),
    "StochasticDepth": _noise("dropped_path", "In training whole examples set to 0 (ConvNeXt).", "drop_path_rate"),
    **{f"SpatialDropout{count}D": spatial_dropout for count in (1, 2, 3)},
    "GaussianNoise": gaussian_noise,
    "ActivityRegularization": same,
    "Identity": same,
    "Masking": masking,
    **dict.fromkeys(AUGMENTING, augmented),
}
