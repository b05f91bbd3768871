"""How an artifact is scored (docs/spec/evaluation.md, E3 to E8)."""

from typing import Literal

from pydantic import Field, model_validator

from flowgolf import named
from flowgolf.scoring.settings import WindowSettings
from flowgolf.settings import Settings, added

SCORING_EXECUTION = ("threads", "memory_mb", "batch_windows", "save_every_chunks")
"""Settings of how an artifact is scored, not of what comes out: a saved state goes on under other values of these."""


class SlidingSettings(WindowSettings):
    """Sliding-window evaluation."""

    shards: int = Field(1, ge=1)
    """Jobs that share the windows; their results merge to the same total."""


class LegalTTTSettings(WindowSettings):
    """Score-first test-time training."""

    chunk_tokens: int = Field(32_768, ge=2)
    """Positions scored before each round of training on them."""
    batch_seqs: int = Field(32, ge=1)
    """Rows of seq_len in one training step."""
    epochs: int = Field(10, ge=1)
    """Passes over a chunk."""
    method: str | None = added(None)
    """An idea that says what trains, with which optimiser, on which rows and when it begins again; null: as the other
    settings say."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """Optimiser of the adaptation."""
    lr: float = Field(0.002, gt=0)
    """Rate before the schedule over chunks."""
    lr_warmup: bool = added(True, as_before=True)
    """Let the rate rise over the first twentieth of the chunks before it falls."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """SGD momentum; carried from chunk to chunk."""
    grad_clip_norm: float = Field(1.0, gt=0)
    """Largest gradient norm."""
    freeze_blocks: int = Field(2, ge=0)
    """First blocks that do not train."""
    aux_loss: bool = True
    """Let a flow matcher's auxiliary loss take part in the adaptation."""
    seed: int = Field(0, ge=0)
    """Seed of the auxiliary loss's random draws."""
    save_every_chunks: int = Field(10, ge=1)
    """Chunks between two saved states, from which a killed evaluation goes on."""

    @model_validator(mode="after")
    def check_method(self) -> "LegalTTTSettings":
        """Refuse a method that is no idea of the study."""
        named.check("TTT method", self.method)
        return self

    @model_validator(mode="after")
    def check_chunk(self) -> "LegalTTTSettings":
        """Refuse a chunk on which nothing could be trained."""
        if self.chunk_tokens < self.seq_len:
            raise ValueError(f"chunk_tokens: {self.chunk_tokens} is shorter than one row of seq_len {self.seq_len}")
        return self


class EvaluateSettings(Settings):
    """Both evaluations of an artifact."""

    sliding: SlidingSettings
    """Sliding-window evaluation without adaptation."""
    legal_ttt: LegalTTTSettings
    """Score-first test-time training."""
