from types import SimpleNamespace

import numpy as np
import torch

from flowgolf.model.initial import Streams
from flowgolf.model.parts.bigram import Bigram, BigramSettings
from flowgolf.model.parts.smear import Smear
from flowgolf.model.parts.value_embedding import ValueEmbedding, ValueEmbeddingSettings

MODEL = SimpleNamespace(dim=8, layers=2, heads=2, kv_heads=2, vocab_size=20)


@torch.no_grad()
def started(module):
    module.start(Streams(0, "module"))
    return module


def test_bigram_buckets_wrap_like_int32():
    bigram = Bigram(BigramSettings(buckets=64, dim=4), MODEL)
    ids = torch.tensor([[5, 7, 65535, 65534, 0]])
    with np.errstate(over="ignore"):
        now, before = ids[0, 1:].numpy().astype(np.int32), ids[0, :-1].numpy().astype(np.int32)
        hashed = (np.int32(36313) * now) ^ (np.int32(27191) * before)
    assert (hashed < 0).any()  # ids of a large vocabulary do overflow
    assert bigram.buckets(ids).tolist() == [[63, *(hashed % 63).tolist()]]


def test_bigram_starts_as_nothing_and_can_learn():
    bigram = started(Bigram(BigramSettings(buckets=64, dim=4), MODEL))
    ids = torch.tensor([[1, 2, 3]])
    assert bigram(ids).abs().max() == 0
    bigram(ids).sum().backward()
    assert bigram.embed.weight.grad.abs().max() > 0


def test_smear_mixes_each_channel_with_the_previous_position():
    smear = Smear(True, SimpleNamespace(dim=3, smear_across_documents=True))
    with torch.no_grad():
        smear.gate.copy_(torch.tensor([0.0, 100.0, -100.0]))
    x = torch.tensor([[[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]]])
    torch.testing.assert_close(
        smear.before_blocks(x, torch.tensor([[1, 1]])), torch.tensor([[[0.5, 0.0, 1.0], [2.0, 1.0, 3.0]]])
    )


def test_value_embedding_starts_as_nothing():
    embedding = started(ValueEmbedding(ValueEmbeddingSettings(dim=6, layers=[1]), MODEL))
    ids = torch.tensor([[1, 2, 3]])
    assert embedding(ids).shape == (1, 3, 8)
    assert embedding(ids).abs().max() == 0
    assert embedding.embed.weight.std() > 0.005


def test_value_embedding_reaches_the_listed_blocks_only(tiny, busy_gpt, token_ids, logits_of):
    gpt = busy_gpt(tiny(value_embedding={"dim": 12, "layers": [4, 2]}))
    seen = {}
    for index, block in enumerate(gpt.blocks):
        block.attn.register_forward_hook(
            lambda _, __, kwargs, ___, index=index: seen.update({index: kwargs["extra_v"]}), with_kwargs=True
        )
    ids = token_ids(1, 5)
    logits_of(gpt, ids)
    assert [index for index, extra in seen.items() if extra is not None] == [2, 4]
    torch.testing.assert_close(seen[4], gpt.ve_shared.layer_scales[0] * gpt.ve_shared(ids))
    torch.testing.assert_close(seen[2], gpt.ve_shared.layer_scales[1] * gpt.ve_shared(ids))
