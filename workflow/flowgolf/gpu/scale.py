"""How large everything is that `make gpu` tries: the published study on a GPU, or a moment of everything anywhere."""

from dataclasses import dataclass
from typing import Any

from flowgolf.data.settings import SampleData, SplitEveryKth
from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.export.settings import ExportSettings
from flowgolf.model.settings import ModelSettings
from flowgolf.train.settings import TrainSettings

VALIDATION_POSITIONS = 62_000_000
"""Of the challenge, for which times are projected."""


@dataclass(frozen=True)
class Scale:
    """Settings of every line."""

    data: SampleData
    """Text to train and score on."""
    model: ModelSettings
    train: TrainSettings
    """Of the step that is timed."""
    timed_steps: int
    resumed: dict[str, Any]
    """Changes for the training that is killed: short, plain, and saved after every step."""
    export: ExportSettings
    sliding: SlidingSettings
    legal_ttt: LegalTTTSettings
    budgets: dict[str, float]
    """Largest value by name of a figure; what has none is only reported."""


BOUNDS = {"float32_difference": 0.03, "resumed_difference": 0.03, "model_flops_utilisation": 1.0, "graph_breaks": 0.0}
"""What holds at any size: nats between arithmetics, bits per byte after a resume, a share of the machine, one graph."""
PUBLISHED = Scale(
    data=SampleData(split=SplitEveryKth(k=3), max_repeats=10**6),
    model=ModelSettings.model_validate({"flow_matcher": {}}),
    train=TrainSettings(val_every=10**6, checkpoint_every=10**6),
    timed_steps=10,
    resumed={"steps": 6, "warmdown_steps": 3, "batch_tokens": 65_536, "val_every": 6, "checkpoint_every": 1},
    export=ExportSettings(code_bytes=100_000),
    sliding=SlidingSettings(max_positions=200_000, memory_mb=16_384),
    legal_ttt=LegalTTTSettings(max_positions=30 * 32_768, memory_mb=16_384),
    budgets={
        **BOUNDS, "step_seconds": 0.8, "host_synchronisations": 0.0, "peak_gigabytes": 78.0,
        "whole_validation_seconds": 60.0, "export_seconds": 180.0, "artifact_megabytes": 16.0,
        "whole_sliding_seconds": 8 * 60.0, "whole_ttt_seconds": 40 * 60.0, "lost_to_exchange": 0.2,
    },
)  # fmt: skip
SMALL = {"seq_len": 32, "layers": 3, "dim": 32, "heads": 2, "kv_heads": 1, "xsa_layers": 3, "rope_dims": 4}
TINY = Scale(
    data=SampleData(max_document_bytes=800, max_repeats=10**6),
    model=ModelSettings.model_validate(
        {**SMALL, "bigram": {"buckets": 64, "dim": 16}, "flow_matcher": {"hidden_dim": 8}}
    ),
    train=TrainSettings(
        steps=20, batch_tokens=512, micro_batches=2, warmdown_steps=5, val_every=10**6, checkpoint_every=10**6
    ),
    timed_steps=3,
    resumed={"steps": 12, "warmdown_steps": 3, "batch_tokens": 256, "val_every": 12, "checkpoint_every": 1},
    export=ExportSettings(code_bytes=0, cap_bytes=260_000, passthrough_max_elements=256, levels=[1]),
    sliding=SlidingSettings(seq_len=32, stride=32, max_positions=2000),
    legal_ttt=LegalTTTSettings(seq_len=32, stride=32, chunk_tokens=512, epochs=1, max_positions=1536),
    budgets=BOUNDS,
)
SCALES = {"published": PUBLISHED, "tiny": TINY}
