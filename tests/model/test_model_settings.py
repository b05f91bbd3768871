import pytest
from pydantic import ValidationError

from flowgolf.model.settings import ModelSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 500}, "heads: 8 does not divide dim 500"),
        ({"kv_heads": 3}, "kv_heads: 3 does not divide heads 8"),
        ({"rope_dims": 5}, "rope_dims: 5 must be even and at most dim / heads = 64"),
        ({"rope_dims": 66}, "rope_dims: 66 must be even and at most dim / heads = 64"),
        ({"layers": 10}, "xsa_layers: 11 is more than layers 10"),
        ({"ttt_linear": {"heads": 7}}, "ttt_linear.heads: 7 does not divide dim 512"),
        ({"ttt_linear": {}, "seq_len": 12}, "ttt_linear.mini_batch: 16 is longer than seq_len 12"),
        ({"dim": 9, "heads": 3, "kv_heads": 3, "rope_dims": 2, "flow_matcher": {}}, "dim: 9 must be even for the flow"),
        ({"value_embedding": {"layers": [9, 11]}}, r"value_embedding.layers: \[9, 11\] must lie in 0..10"),
        ({"value_embedding": {"layers": [9, 9]}}, r"value_embedding.layers: \[9, 9\] names a block twice"),
        ({"recurrence": {"start": 5, "end": 4}}, "recurrence.start: 5 is after the loop's end 4"),
        ({"recurrence": {"start": 9, "end": 11}}, r"recurrence.end: 11 lies outside the blocks 0..10"),
        ({"parallel_from": 11}, "parallel_from: 11 is past the last block, 10"),
        ({"mlp_ratio": 0.001}, "mlp_ratio: 0.001 leaves no hidden unit at dim 512"),
        ({"bos_id": 1024}, "bos_id: 1024 is not below vocab_size 1024"),
        ({"windowed_gate": {"window": 513}}, "windowed_gate.window: 513 is more than dim 512"),
        ({"windowed_gate": {"scale": 2.0, "transparent": True}}, "windowed_gate.scale: 2.0 plays no part where"),
        ({"gated_smear": {"window": 513}}, "gated_smear.window: 513 is more than dim 512"),
    ],
)
def test_shapes_that_cannot_be_built(changes, message):
    with pytest.raises(ValidationError, match=message):
        ModelSettings(**changes)
