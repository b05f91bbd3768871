"""Validation of a training, shared by its processes and left early when asked to (docs/spec/training.md, T10)."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.scoring.roundtrip import roundtrip
from flowgolf.scoring.score import Score, TokenStream
from flowgolf.train.distributed import Ranks

WINDOWS = 32  # scored together
Asked = Callable[[], int]
"""Number of the signal that has asked to stop, 0 for none."""


def nobody() -> int:
    """No signal."""
    return 0


class StopAskedError(Exception):
    """A validation was left because a signal asked to stop."""

    def __init__(self, number: int) -> None:
        """`number` of the signal."""
        super().__init__(f"a validation was left because of signal {number}")
        self.number = number


class Share:
    """Positions `[start, end)` of a stream as a stream of their own; each read looks whether to stop."""

    def __init__(self, stream: TokenStream, start: int, end: int, asked: Asked) -> None:
        """One more token than positions can be read."""
        self.stream, self.start, self.end, self.asked = stream, start, end, asked

    def __len__(self) -> int:
        """Number of tokens."""
        return self.end - self.start + 1

    def read(self, start: int, count: int) -> np.ndarray:
        """Tokens `[start, start + count)` of the share; StopAskedError once a signal has come."""
        if number := self.asked():
            raise StopAskedError(number)
        return self.stream.read(self.start + start, count)


class Validation:
    """Scores the whole validation stream in windows that do not overlap; with several processes each takes a part."""

    def __init__(self, gpt: GPT, data: Dataset, ranks: Ranks, device: torch.device, compiled: bool) -> None:
        """With `compiled` full batches go through torch.compile."""
        self.gpt, self.data, self.ranks, self.device = gpt, data, ranks, device
        self.compiled = torch.compile(gpt.token_losses, dynamic=False) if compiled else gpt.token_losses

    def score(self, asked: Asked = nobody) -> Score:
        """The same score on every process; StopAskedError on all of them when a signal came to any."""
        seq_len, num_positions = self.gpt.settings.seq_len, len(self.data.validation) - 1
        windows, index, count = num_positions // seq_len, self.ranks.rank, self.ranks.count
        start, end = (windows * number // count * seq_len for number in (index, index + 1))
        own, number = Score(0.0, 0, 0), 0
        try:
            share = Share(self.data.validation, start, num_positions if index == count - 1 else end, asked)
            if len(share) > 1:
                own = roundtrip(self.gpt, share, self.data.byte_table, WINDOWS, losses=self.losses)
        except StopAskedError as stop:
            number = stop.number
        number = int(self.ranks.largest([float(number)], self.device)[0])
        if number:
            raise StopAskedError(number)
        nats, num_bytes = self.ranks.add([own.nats, float(own.bytes)], self.device)
        return Score(nats, num_positions, int(num_bytes))

    def losses(self, input_ids: Tensor, target_ids: Tensor) -> Tensor:
        """Nats of each position (windows, time), compiled for the one shape that most batches have."""
        regular = input_ids.shape == (WINDOWS, self.gpt.settings.seq_len)
        nats: Tensor = (self.compiled if regular else self.gpt.token_losses)(input_ids, target_ids)
        return nats
