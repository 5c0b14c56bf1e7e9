"""Operations that hand their input on: unchanged, without its gradient, or as another type."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.operands import dtype_named


def identity(x: Tensor) -> Tensor:
    """The input itself."""
    return x


def identity_n(*inputs: Tensor) -> tuple[Tensor, ...]:
    """The inputs themselves."""
    return inputs


def stop_gradient(x: Tensor) -> Tensor:
    """The input as a constant: no gradient flows through."""
    return x.detach()


def prevent_gradient(x: Tensor, *, message: str = "") -> Tensor:
    """The input; asking for its gradient is an error, which `message` explains."""
    return _Prevented.apply(x, message)  # type: ignore[no-any-return]


def check_numerics(x: Tensor, *, message: str = "") -> Tensor:
    """The input. TensorFlow stops with `message` at inf or nan; here they show in the result instead."""
    return x


def print_(x: Tensor, *data: Tensor, message: str = "") -> Tensor:
    """The input; what TensorFlow printed of `data` on the way is of no use here."""
    return x


def ensure_shape(x: Tensor, *, shape: tuple[int | None, ...]) -> Tensor:
    """The input, which must have this shape.

    Raises:
        ShapeMismatch: it has not.
    """
    fits = x.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, x.shape, strict=True))
    if not fits:
        raise ShapeMismatch(
            "a tensor does not have the shape its graph demands", expected=str(shape), got=str(tuple(x.shape))
        )
    return x


def cast(x: Tensor, *, DstT: str) -> Tensor:  # noqa: N803 - TensorFlow's name
    """The input as another type; fractions are cut off towards zero."""
    return x.to(dtype_named(DstT))


class _Prevented(Function):
    """Hands its input on and has no gradient."""

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Tensor:
        x, ctx.message = args
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise UnsupportedOp(
            f"the graph forbids this gradient: {ctx.message}", fix="freeze what lies below, or stop the gradient"
        )


FUNCTIONS = {
    "identity": identity,
    "identity_n": identity_n,
    "stop_gradient": stop_gradient,
    "prevent_gradient": prevent_gradient,
    "check_numerics": check_numerics,
    "print": print_,
    "ensure_shape": ensure_shape,
    "cast": cast,
}
