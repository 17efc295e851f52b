"""A linear layer with a weight layout for small batches, in single precision or rounded.

One row is multiplied by the transposed weights, since a linear layer reads its weights in the slow order for
it. More rows go through oneDNN with the weights in its blocked layout: a fifth faster than torch's own
product at 64 rows, twice as fast at 2 to 4.

In bfloat16 or int8 a step reads a half or a quarter of the bytes, and its results differ: the precision gap
is measured where it is used. Int8 is for the weights only, with one scale per output, so that a row does not
depend on the other rows of the batch.
"""

from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn


class Packed:
    """A linear layer for small batches.

    Args:
        weight: (N, M).
        bias: (N,).
        precision: of the weights: "float32", "bfloat16" or "int8".
    """

    def __init__(self, weight: Tensor, bias: Tensor, precision: str) -> None:
        self.precision, self.bias = precision, bias
        match precision:
            case "float32":
                self.weight = weight.t().contiguous()  # (M, N)
                self.is_blocked = weight.device.type == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
                if self.is_blocked:
                    self.blocks = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())  # noqa: SLF001
                    _BLOCKED[self.weight.data_ptr()] = self
            case "bfloat16":
                self.weight = weight.bfloat16()
            case _:
                scale = weight.abs().amax(dim=1).clamp(min=1e-9) / 127
                self.weight = (weight / scale[:, None]).round().to(torch.int8)
                self.scale = scale.bfloat16()

    def __call__(self, inputs: Tensor) -> Tensor:
        """(B, M) to (B, N)."""
        match self.precision:
            case "float32":
                if not self.is_blocked or len(inputs) == 1:
                    result = torch.addmm(self.bias, inputs, self.weight)
                elif torch.compiler.is_compiling():
                    result = blocked_linear(inputs, self.weight)
                else:
                    result = self.blocked(inputs)
            case "bfloat16":
                result = nn.functional.linear(inputs.bfloat16(), self.weight).float() + self.bias
            case _:
                product = torch._weight_int8pack_mm(inputs.bfloat16(), self.weight, self.scale)  # noqa: SLF001
                result = product.float() + self.bias
        return result

    def blocked(self, inputs: Tensor) -> Tensor:
        """(B, M) to (B, N) with blocked weights."""
        return torch.ops.mkldnn._linear_pointwise(inputs, self.blocks, self.bias, "none", [], "")  # type: ignore[no-any-return]  # noqa: SLF001


_BLOCKED: WeakValueDictionary[int, Packed] = WeakValueDictionary()
"""By the address of their transposed weights, which is unique while they live."""


@torch.library.custom_op("musegen::blocked_linear", mutates_args=())
def blocked_linear(inputs: Tensor, weight: Tensor) -> Tensor:
    """`Packed.blocked` as a custom operator: torch's compiler does not accept blocked tensors.

    Args:
        inputs: (B, M).
        weight: (M, N), the transposed weights of a `Packed` layer, which identify it.

    Returns:
        (B, N).
    """
    return _BLOCKED[weight.data_ptr()].blocked(inputs)


@blocked_linear.register_fake
def _(inputs: Tensor, weight: Tensor) -> Tensor:
    return inputs.new_empty(inputs.shape[0], weight.shape[1])
