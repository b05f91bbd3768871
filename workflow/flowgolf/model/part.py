"""What every module of the model says of its parameters, and the places where an optional part may act."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from flowgolf.model.initial import Streams
from flowgolf.model.roles import Role

HOOKS = (
    "after_embedding", "before_blocks", "add_values", "before_block", "query_rows", "after_attention", "after_blocks",
    "auxiliary_loss",
)  # fmt: skip
"""Methods of a part that the model calls."""


Draws = tuple[Tensor, ...]
"""What a part has drawn at random for one batch."""


class Described(nn.Module, ABC):
    """A module that knows how its own parameters start and what they are for; described submodules speak for theirs."""

    label: ClassVar[str]
    """What plots and tables call it."""
    roles: Mapping[str, Role]
    """Role of each parameter by its name in this module, `proj.weight`; names that it does not have are ignored."""

    @abstractmethod
    def start(self, streams: Streams) -> None:
        """Fill this module's own parameters with their initial values."""


class Part(Described):
    """An optional part of the model: a file `model/parts/<key>.py` with one class derived from this one.

    It is on when the model's setting `<key>` is neither null nor false, and acts where it overrides one of HOOKS.
    Shapes: batch, time, dim of the model; nothing may look at later positions.
    """

    attribute: ClassVar[str | None] = None
    """Where it hangs on the model, or on each attention if `per_block`, and so how its weights' names begin; None:
    at its key."""
    per_block: ClassVar[bool] = False
    """Whether every block's attention has one of its own; it acts through query_rows and after_attention."""
    order: ClassVar[int] = 0
    """Parts that act in the same place do so by ascending order, then by key."""
    reads_all: ClassVar[bool] = False
    """Whether `after_blocks` needs all positions though only the last are asked for."""
    saved_as: Mapping[str, str] = {}
    """Names in files of weights whose name on the model is another: own name -> name in files."""
    loss_weight: float = 0.0
    """Factor of the auxiliary loss in training."""

    def __init__(self, *_: Any) -> None:
        """Called with the part's own settings and the model's, and if `per_block` with the block's index."""
        super().__init__()

    def after_embedding(self, x: Tensor, input_ids: Tensor) -> Tensor:
        """Change the token embedding (batch, time, dim) before its norm."""
        raise NotImplementedError

    def before_blocks(self, x: Tensor, input_ids: Tensor) -> Tensor:
        """Change the blocks' input (batch, time, dim) after the norm."""
        raise NotImplementedError

    def add_values(self, input_ids: Tensor) -> dict[int, Tensor]:
        """What is added to the attention values, (batch, time, kv_heads * head_dim), by index of the block."""
        raise NotImplementedError

    def before_block(self, x: Tensor, x0: Tensor, index: int) -> Tensor:
        """Change the residual stream x before block `index`; x0 is the blocks' input."""
        raise NotImplementedError

    def query_rows(self) -> Tensor:
        """Rows (n, dim) whose products with the attention's input are computed along with the queries."""
        raise NotImplementedError

    def after_attention(self, y: Tensor, rows: Tensor) -> Tensor:
        """Change the heads' outputs y (batch, last, heads, head_dim); `rows` (batch, last, n) are query_rows' products.

        Without query_rows n is 0.
        """
        raise NotImplementedError

    def after_blocks(self, x: Tensor) -> Tensor:
        """Change the final hidden state (batch, time or the last, dim)."""
        return x

    def draws(self, shape: torch.Size, generator: torch.Generator | None, device: torch.device) -> Draws:
        """Random tensors that `auxiliary_loss` needs for a final hidden state of `shape` (batch, time, dim)."""
        return ()

    def auxiliary_loss(self, x: Tensor, draws: Draws) -> Tensor:
        """A loss beside the cross-entropy, a scalar; x is what `after_blocks` is given too."""
        raise NotImplementedError


def acts(kind: type[Part], hook: str) -> bool:
    """Whether a part does something in a place."""
    return getattr(kind, hook) is not getattr(Part, hook)
