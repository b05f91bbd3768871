"""How a model is trained (docs/spec/training.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flowgolf import named
from flowgolf.settings import Settings, added
from flowgolf.train import registry

EXECUTION = ("devices", "threads", "compile", "tensorboard", "checkpoint_every", "passes_per_micro_batch")
"""Settings of how a run is computed, not of what: a saved state goes on under other values of these."""


Optimiser = Annotated[str, Field(json_schema_extra={"enum": list(registry.names())})]


class TrainSettings(Settings):
    """One training run; rates are those of the published study by default."""

    steps: int = Field(7000, ge=1)
    """Optimiser steps."""
    batch_tokens: int = Field(786_432, ge=1)
    """Tokens in one optimiser step, over all devices and micro-batches."""
    micro_batches: int = Field(8, ge=1)
    """Pieces a step's batch is read in; devices * gradient accumulation."""
    warmdown_steps: int = Field(2800, ge=0)
    """Last steps over which the rates fall linearly to 0."""
    max_seconds: float | None = Field(None, gt=0)
    """Wall-clock cap; with it the warm-down is placed in time. null: no cap."""
    warmdown_fraction: float | None = added(None, as_before=None, gt=0, le=1)
    """Last share of the steps, or of the time under a cap, over which the rates fall; null: warmdown_steps decides."""
    min_rate: float = added(0.0, as_before=0.0, ge=0, le=1)
    """Share of their full value below which the rates do not fall."""
    schedule: str | None = added(None)
    """An idea that says how the rates change over the run; null: as warmdown_steps or warmdown_fraction say."""
    qat_below: float | None = added(None, gt=0, le=1)
    """Quantisation-aware training: while the factor on the rates is below this, forward passes see the matrices of the
    blocks rounded as the arm's export rounds them; null: never."""
    export_reserve_seconds: float = added(0.0, as_before=0.0, ge=0)
    """Seconds of max_seconds that are kept for the export's calibration, which counts as training."""
    order: Literal["stream", "shuffled"] = added("stream", as_before="stream")
    """Training tokens one after the other, or whole sequences drawn from all shards without replacement."""
    data_seed: Literal["run", "fixed"] = added("run", as_before="run")
    """Whether a shuffled order follows the run's seed, or is the same for all seeds."""
    matrix_optimizer: Optimiser = added("muon", as_before="muon")
    """Optimiser of the matrices; a file under train/optimisers/."""
    embedding_optimizer: Optimiser = added("adamw", as_before="adamw")
    """Optimiser of the embeddings."""
    scalar_optimizer: Optimiser = added("adamw", as_before="adamw")
    """Optimiser of everything else."""
    matrix_lr: float = Field(0.025, gt=0)
    """Rate of the block matrices."""
    embedding_lr: float = Field(0.035, gt=0)
    """Rate of the embeddings."""
    scalar_lr: float = Field(0.025, gt=0)
    """Rate of everything else."""
    weight_decay: float = Field(0.04, ge=0)
    """Decoupled weight decay of every group."""
    matrix_decay: float | None = added(None, as_before=None, ge=0)
    """Weight decay of the block matrices; null: weight_decay."""
    embedding_decay: float | None = added(None, as_before=None, ge=0)
    """Weight decay of the embeddings; null: weight_decay."""
    scalar_decay: float | None = added(None, as_before=None, ge=0)
    """Weight decay of everything else; null: weight_decay."""
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    """AdamW first-moment decay."""
    adam_beta2: float = Field(0.95, ge=0, lt=1)
    """AdamW second-moment decay."""
    adam_eps: float = Field(1e-8, gt=0)
    """AdamW denominator offset."""
    muon_momentum: float = Field(0.99, ge=0, lt=1)
    """Muon momentum once warmed up."""
    muon_momentum_start: float = Field(0.92, ge=0, lt=1)
    """Muon momentum at step 0."""
    muon_momentum_warmup_steps: int = Field(1500, ge=0)
    """Steps over which the momentum rises linearly."""
    muon_row_norm: bool = added(False, as_before=False)
    """Divide each row of Muon's update by its length before it is made orthogonal."""
    muon_coefficients: Literal["usual", "polar"] = added("usual", as_before="usual")
    """Newton-Schulz with one triple of coefficients five times, or with five triples."""
    grad_clip_norm: float = Field(0.3, gt=0)
    """Largest gradient norm over all parameters."""
    ema_decay: float = Field(0.997, ge=0, lt=1)
    """Decay of the weight average that is exported."""
    val_every: int = Field(500, ge=1)
    """Steps between validations with the raw weights."""
    checkpoint_every: int = Field(500, ge=1)
    """Steps between saved states that a killed run resumes from."""
    devices: int = Field(1, ge=1)
    """Processes that share a step, one a GPU (or so many on the CPU); a divisor of micro_batches."""
    passes_per_micro_batch: int = Field(1, ge=1)
    """Parts that a micro-batch is computed in one after the other: more take less memory; data and draws stay."""
    threads: int = Field(1, ge=1)
    """CPU threads of each process; results repeat to the bit only for one count."""
    compile: bool | None = None
    """torch.compile of the training loss; null: on a GPU only."""
    tensorboard: bool = False
    """Also write TensorBoard event files, beside train.csv."""

    @model_validator(mode="after")
    def check_batch(self) -> "TrainSettings":
        """Refuse a batch that does not split evenly."""
        if self.batch_tokens % self.micro_batches:
            raise ValueError(
                f"batch_tokens: {self.batch_tokens} is not a multiple of micro_batches {self.micro_batches}"
            )
        if self.micro_batches % self.devices:
            raise ValueError(f"devices: {self.devices} does not divide micro_batches {self.micro_batches}")
        if self.warmdown_steps > self.steps:
            raise ValueError(f"warmdown_steps: {self.warmdown_steps} is more than steps {self.steps}")
        return self

    @model_validator(mode="after")
    def check_reserve(self) -> "TrainSettings":
        """Refuse to keep time back where there is no limit, or all of it."""
        reserve, cap = self.export_reserve_seconds, self.max_seconds
        if reserve and cap is None:
            raise ValueError(f"export_reserve_seconds: {reserve} is taken off max_seconds, which is null")
        if cap is not None and reserve >= cap:
            raise ValueError(f"export_reserve_seconds: {reserve} leaves nothing of max_seconds {cap}")
        return self

    @property
    def allowed_seconds(self) -> float | None:
        """Seconds that the steps may take; None without a cap."""
        return None if self.max_seconds is None else self.max_seconds - self.export_reserve_seconds

    @model_validator(mode="after")
    def check_optimizers(self) -> "TrainSettings":
        """Refuse an optimiser that there is not."""
        known = registry.names()
        for key in registry.CHOICES.values():
            if getattr(self, key) not in known:
                raise ValueError(f"{key}: '{getattr(self, key)}' is no optimiser; there are {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def check_schedule(self) -> "TrainSettings":
        """Refuse a schedule that is no idea of the study."""
        named.check("rate schedule", self.schedule)
        return self
