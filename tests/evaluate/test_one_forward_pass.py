"""Rule 12 holds for every length: the mean that training takes is the mean of what is scored, to the bit."""

import numpy as np
import pytest

from flowgolf.evaluate.checks import one_forward_pass
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings


@pytest.mark.parametrize("num_tokens", [3, 17, 50, 129, 257])
def test_training_and_scoring_agree_to_the_bit(num_tokens):
    settings = ModelSettings(
        vocab_size=96, seq_len=256, layers=2, dim=32, heads=4, kv_heads=2, rope_dims=4, xsa_layers=2, bigram=None
    )
    for seed in range(5):
        gpt = GPT(settings)
        gpt.init_weights(seed)
        tokens = np.random.default_rng(seed).integers(0, 96, num_tokens)
        assert one_forward_pass(gpt.eval(), tokens).startswith("training and scoring agree to the bit")
