"""Low-rank corrections, the reading side: what is added to a quantised tensor (docs/spec/export.md, X16)."""

from torch import Tensor

from flowgolf.export.container import Correction


def corrected(weight: Tensor, left: Tensor, right: Tensor, rank: int) -> Tensor:
    """`weight` (..., columns) plus the product of the factors, float32; both are read row by row from their start.

    The sum is taken in float64, one rank after the other, so that every machine gets the same weights to the bit.
    """
    columns = weight.shape[-1]
    rows = weight.numel() // columns
    total = weight.double().reshape(rows, columns)
    first = left.double().flatten()[: rows * rank].view(rows, rank)
    second = right.double().flatten()[: rank * columns].view(rank, columns)
    for index in range(rank):
        total = total + first[:, index, None] * second[index]
    return total.float().view(weight.shape)


def with_corrections(corrections: list[Correction], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the model, corrected; those that are factors of a correction are left out."""
    for each in corrections:
        left, right = tensors.pop(each.left), tensors.pop(each.right)
        tensors[each.tensor] = corrected(tensors[each.tensor], left, right, each.rank)
        if not tensors[each.tensor].isfinite().all():
            raise ValueError(f"{each.tensor}: a corrected value is not finite")
    return tensors
