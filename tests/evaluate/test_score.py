"""Batches, threads and the forward pass of scoring."""

import numpy as np
import pytest
import torch

from evaluate.conftest import Golden
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.slide import batch_windows, slide


def test_digits_do_not_depend_on_the_number_of_threads(tiny: Golden) -> None:
    one, three = (
        slide(tiny.gpt, tiny.stream, tiny.sliding(threads=threads, batch_windows=4)).nats for threads in (1, 3)
    )
    assert np.array_equal(one, three)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("max_positions", "shard"), [(None, (0, 1)), (200, (0, 1)), (None, (1, 3))])
def test_progress_ends_at_the_last_position_of_a_part_too(
    tiny: Golden, capsys: pytest.CaptureFixture[str], max_positions: int | None, shard: tuple[int, int]
) -> None:
    settings = tiny.sliding(max_positions=max_positions, batch_windows=4)
    nats = slide(tiny.gpt, tiny.stream, settings, shard, "sliding").nats
    assert f"sliding  100% ({len(nats)}/{len(nats)} positions)" in capsys.readouterr().err


def test_scoring_a_part_of_each_window_agrees_with_scoring_all_of_it(tiny: Golden) -> None:
    seq_len, stride = tiny.sliding().seq_len, tiny.sliding().stride
    nats = slide(tiny.gpt, tiny.stream, tiny.sliding()).nats
    ids = torch.from_numpy(tiny.stream.tokens.astype(np.int64))
    for end in range(seq_len, len(tiny.stream), 5 * stride):
        with torch.no_grad():
            whole = tiny.gpt.token_losses(ids[None, end - seq_len : end], ids[None, end - seq_len + 1 : end + 1])
        assert np.abs(nats[end - stride : end] - whole[0, -stride:].numpy()).max() < 1e-5


@pytest.mark.parametrize(("memory_mb", "expected"), [(1, 1), (8, 4), (32, 16), (100_000, 16)])
def test_the_automatic_batch_fills_the_memory_but_not_beyond_the_cache(
    tiny: Golden, memory_mb: int, expected: int
) -> None:
    gpt = GPT(ModelSettings(layers=5, dim=80, heads=4, kv_heads=2, rope_dims=8, xsa_layers=5))
    settings = tiny.sliding(seq_len=256, stride=64, memory_mb=memory_mb)
    assert batch_windows(gpt, settings) == expected
    assert batch_windows(gpt, tiny.sliding(batch_windows=3, memory_mb=memory_mb)) == 3
