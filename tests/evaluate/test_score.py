"""Batches, threads and the forward pass of scoring."""

import numpy as np
import pytest
import torch

from evaluate.conftest import Golden
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring import score as score_module
from flowgolf.scoring import slide as slide_module
from flowgolf.scoring.score import byte_counts
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


@pytest.mark.parametrize(("device", "memory_bytes"), [("cpu", 2**25), ("cuda", 100_000 * 2**20)])
def test_what_a_window_takes(tiny: Golden, monkeypatch: pytest.MonkeyPatch, device: str, memory_bytes: int) -> None:
    """Five layers: two skips, the residual stream and its like (8), and twice three times its width in the MLP."""
    monkeypatch.setattr(slide_module, "device_of", lambda gpt: torch.device(device))
    gpt = GPT(ModelSettings(vocab_size=9, layers=5, dim=8, heads=4, kv_heads=2, rope_dims=2, xsa_layers=5))
    window_bytes = 4 * (16 * 8 * (2 + 8 + 6) + 3 * 5 * 9)
    found = batch_windows(gpt, tiny.sliding(seq_len=16, stride=5, memory_mb=100_000))
    assert found == memory_bytes // window_bytes


def test_pieces_of_a_stream_have_the_bytes_of_the_whole(tiny: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tiny.stream.tokens
    whole = tiny.byte_table.count(tokens[:-1], tokens[1:])[5:200]
    for pieces in (7, 195, 1000):
        monkeypatch.setattr(score_module, "PIECE_POSITIONS", pieces)
        assert np.array_equal(byte_counts(tiny.byte_table, tiny.stream, 5, 200), whole)
