"""A short run of legal test-time training, for the checks of its rules."""

import copy

import numpy as np

from flowgolf.data.byte_count import ByteTable
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import LegalTTTSettings
from flowgolf.evaluate.trials import Evaluate, short_window
from flowgolf.model.gpt import GPT
from flowgolf.scoring.score import TokenStream


def short_ttt(gpt: GPT, byte_table: ByteTable, settings: LegalTTTSettings, sample: np.ndarray) -> dict[str, Evaluate]:
    """Legal test-time training of a copy of the model at the size of the sample: one window a chunk, one epoch."""
    changes = short_window(settings, sample)
    short = settings.model_copy(update={**changes, "chunk_tokens": changes["seq_len"], "epochs": 1})

    def run(stream: TokenStream) -> np.ndarray:
        trial = ScoreFirst(copy.deepcopy(gpt), stream, byte_table, short)
        while not trial.finished:
            trial.run_chunk()
        return trial.nats

    return {"legal_ttt": run}
