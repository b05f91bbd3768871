"""What legal test-time training trains, with which optimiser, on which rows, and when it begins again.

docs/spec/evaluation.md, E6, E7 and E16.

A method decides nothing else: it is asked between scorings, every step that it asks for is entered in the ledger
first, and the tokens that it can read are those that have been scored.
"""

from collections.abc import Iterator

import torch

from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.model.gpt import GPT
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.windows import Segment


class TTTMethod:
    """What the settings say; an idea is derived from it and says something else of one thing or another."""

    def __init__(self, gpt: GPT, settings: LegalTTTSettings) -> None:
        """For the model as the artifact gives it; more frozen blocks than there are is a ValueError."""
        if settings.freeze_blocks > len(gpt.blocks):
            raise ValueError(
                f"freeze_blocks {settings.freeze_blocks} is more than the {len(gpt.blocks)} blocks of the artifact"
            )
        self.gpt, self.settings = gpt, settings

    def trains(self, name: str, weight: torch.nn.Parameter) -> bool:
        """Whether a parameter of this name on the model trains: all but those of the first `freeze_blocks` blocks."""
        frozen = list(self.gpt.blocks)[: self.settings.freeze_blocks]
        return all(weight is not each for block in frozen for each in block.parameters())

    def optimizer(self, weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """A new optimiser of the weights that train; before each step all its groups get the rate of the chunk."""
        if self.settings.optimizer == "sgd":
            return torch.optim.SGD(weights, lr=self.settings.lr, momentum=self.settings.momentum)
        return torch.optim.AdamW(weights, lr=self.settings.lr, weight_decay=0.0)

    def rows(self, begin: int, end: int, seen: TokenStream) -> Iterator[list[Segment]]:
        """Rows of each step once the chunk `[begin, end)` is scored: `epochs` passes over the chunk in order.

        A rest shorter than a row is left out. `seen` gives the tokens that are scored by now and no others.
        """
        settings = self.settings
        starts = range(begin, end - settings.seq_len + 1, settings.seq_len)
        listed = [Segment(start, start + settings.seq_len) for start in starts]
        for _ in range(settings.epochs):
            for first in range(0, len(listed), settings.batch_seqs):
                yield listed[first : first + settings.batch_seqs]

    def resets(self, chunk: int) -> bool:
        """Whether the training on a chunk, from 0, begins with the artifact's weights and a new optimiser: never."""
        return False
