"""The tokens of a training, a micro-batch at a time (docs/spec/training.md, T1 and T21)."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from flowgolf.data.sequences import ShuffledSequences
from flowgolf.data.shards import Shards, Tokens
from flowgolf.train.settings import TrainSettings

UINT16 = 0xFFFF
FIXED_DATA_SEED = 0


class Batches:
    """Micro-batches by their number in the run; on a GPU the next one is read while the present one is computed."""

    def __init__(self, shards: Shards, settings: TrainSettings, seq_len: int, seed: int, device: torch.device) -> None:
        """`seed` is the run's; a shuffled order follows it unless the settings fix another."""
        self.shards, self.seq_len, self.device = shards, seq_len, device
        self.micro_tokens = settings.batch_tokens // settings.micro_batches
        self.sequences: ShuffledSequences | None = None
        if settings.order == "shuffled":
            data_seed = seed if settings.data_seed == "run" else FIXED_DATA_SEED
            self.sequences = ShuffledSequences(shards, seq_len, data_seed)
        self.reader: ThreadPoolExecutor | None = None
        if device.type == "cuda":  # a thread's own device is the first GPU until it is told
            self.reader = ThreadPoolExecutor(1, initializer=torch.cuda.set_device, initargs=(device,))
        self.ahead: dict[int, Future[Tensor]] = {}

    def read(self, number: int, following: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a micro-batch, int64 (rows, seq_len) each; `following` is read next.

        A micro-batch is `micro_tokens + 1` tokens of the endless stream; the next begins after the extra token. In a
        shuffled order each row is a sequence of its own.
        """
        if self.reader is None:
            tokens = torch.from_numpy(self.tokens(number).astype("int64"))
        else:
            staged = self.ahead.pop(number, None) or self.reader.submit(self.staged, number)
            self.ahead = {following: self.reader.submit(self.staged, following)}
            tokens = widened(staged.result().to(self.device, non_blocking=True))
        if self.sequences is not None:
            return tokens[:, :-1], tokens[:, 1:]
        return tokens[:-1].view(-1, self.seq_len), tokens[1:].view(-1, self.seq_len)

    def tokens(self, number: int) -> Tokens:
        """Tokens of a micro-batch: (micro_tokens + 1,), or in a shuffled order (rows, seq_len + 1)."""
        if self.sequences is not None:
            count = self.micro_tokens // self.seq_len
            return self.sequences.read(number * count, count)
        return self.shards.read_wrapping(number * (self.micro_tokens + 1), self.micro_tokens + 1)

    def staged(self, number: int) -> Tensor:
        """The same in memory that a GPU copies from by itself, two bytes a token."""
        return torch.from_numpy(self.tokens(number).view("int16")).pin_memory()


def widened(tokens: Tensor) -> Tensor:
    """Token ids whose two bytes are read as int16, as int64."""
    return tokens.long() & UINT16
