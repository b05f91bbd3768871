"""Short runs of an evaluation on a few windows, which the checks of its rules take apart."""

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgolf.evaluate.settings import SlidingSettings
from flowgolf.model.gpt import GPT
from flowgolf.scoring.score import TokenStream
from flowgolf.scoring.settings import WindowSettings
from flowgolf.scoring.slide import slide

SAMPLE_WINDOW = 128


SAMPLE_WINDOWS = 4


Evaluate = Callable[[TokenStream], np.ndarray]


class TokenArray:
    """Tokens held in memory, read like shards."""

    def __init__(self, tokens: np.ndarray) -> None:
        """Hold `tokens` (time,)."""
        self.tokens = tokens

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    def read(self, start: int, count: int) -> np.ndarray:
        """Tokens `[start, start + count)`."""
        return self.tokens[start : start + count].copy()


def sample_of(stream: TokenStream, seq_len: int) -> np.ndarray:
    """The first tokens of a stream, enough for a few windows of at most 128 positions: (time,)."""
    return stream.read(0, min(len(stream), SAMPLE_WINDOWS * min(seq_len, SAMPLE_WINDOW) + 1))


def short_window(settings: WindowSettings, sample: np.ndarray) -> dict[str, Any]:
    """Changes that fit an evaluation's settings to the sample."""
    seq_len = min(settings.seq_len, SAMPLE_WINDOW, (len(sample) - 1) // SAMPLE_WINDOWS)
    stride = max(1, min(settings.stride, seq_len // 2))
    short = {"seq_len": seq_len, "stride": stride, "max_positions": None, "batch_windows": SAMPLE_WINDOWS}
    # a few windows are not worth compiling for, unless the settings insist: replays look at compiled code too
    return {**short, "compile": bool(settings.compile)}


def short_slides(gpt: GPT, settings: SlidingSettings, sample: np.ndarray) -> dict[str, Evaluate]:
    """Sliding evaluation and the roundtrip (windows that do not overlap) at the size of the sample."""
    changes = short_window(settings, sample)
    sliding = settings.model_copy(update=changes)
    roundtrip = settings.model_copy(update={**changes, "stride": changes["seq_len"]})
    return {
        "sliding": lambda stream: slide(gpt, stream, sliding).nats,
        "roundtrip": lambda stream: slide(gpt, stream, roundtrip).nats,
    }
