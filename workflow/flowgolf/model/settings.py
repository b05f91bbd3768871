"""What a model is made of. A part is on when its block is present, off when it is null."""

from typing import Literal

from pydantic import Field, model_validator

from flowgolf.settings import Settings

Init = Literal["orthogonal", "normal"]


class BigramSettings(Settings):
    """Hashed bigram embedding added to the token embedding."""

    buckets: int = Field(default=4096, ge=2)
    """Rows of the hashed table; the last is kept for the first position."""
    dim: int = Field(default=128, ge=1)
    """Width of a row before its projection to the model dimension."""


class ValueEmbeddingSettings(Settings):
    """Token embedding added to the attention values of a few blocks."""

    dim: int = Field(128, ge=1)
    """Width of the table before its projection to the key/value width."""
    layers: list[int] = [9, 10]
    """Blocks whose values receive it, counted from 0."""


class FlowMatcherSettings(Settings):
    """Conditional flow matching on the final hidden state (the studied part)."""

    hidden_dim: int = Field(256, ge=1)
    """Width of the velocity network."""
    loss_weight: float = Field(0.1, ge=0)
    """Weight of the flow-matching loss beside the cross-entropy."""
    init: Init = "orthogonal"
    """Start of the input layers: `orthogonal` is the published behaviour at hidden_dim >= 64."""


class FlowRefinerSettings(Settings):
    """Gated residual correction of the final hidden state in a small latent space."""

    latent_dim: int = Field(64, ge=1)
    """Width of the latent space."""
    hidden_dim: int = Field(256, ge=1)
    """Width of the network inside it."""
    init: Init = "orthogonal"
    """Start of the projections: `orthogonal` is the published behaviour where both sides are >= 64."""


class TTTLinearSettings(Settings):
    """Linear model trained at test time inside the forward pass (dual form)."""

    heads: int = Field(8, ge=1)
    """Heads that the model dimension is split into."""
    mini_batch: int = Field(16, ge=1)
    """Positions in one inner step; a shorter tail passes zero."""
    base_lr: float = Field(1.0, gt=0)
    """Inner learning rate before division by the head width."""


class ModelSettings(Settings):
    """The transformer and its optional parts."""

    vocab_size: int = Field(1024, ge=8)
    """Must equal the tokenizer's vocabulary."""
    seq_len: int = Field(2048, ge=2)
    """Training sequence length; fixes the rotary base."""
    layers: int = Field(11, ge=1)
    """Blocks; the first half feeds the second through skips."""
    dim: int = Field(512, ge=2)
    """Model dimension."""
    heads: int = Field(8, ge=1)
    """Query heads."""
    kv_heads: int = Field(4, ge=1)
    """Key/value heads; must divide heads."""
    mlp_ratio: int = Field(3, ge=1)
    """MLP hidden width as a multiple of dim."""
    rope_dims: int = Field(16, ge=2)
    """Rotated dimensions of each head; even, at most dim / heads."""
    softcap: float = Field(30.0, gt=0)
    """Logits are squeezed smoothly into this range."""
    tied_head: bool = True
    """Output head shares the token embedding."""
    smear: bool = True
    """Per-channel mixing with the previous position."""
    value_residual: bool = True
    """Later blocks mix in the first block's values."""
    gated_attention: bool = True
    """Per-head sigmoid gate on the attention output."""
    ln_scale: bool = True
    """Scale the normed input of block i by 1/sqrt(i + 1)."""
    xsa_layers: int = Field(11, ge=0)
    """Last blocks that remove each head's projection on its own value direction."""
    logit_scale: bool = False
    """Control arm: one learned scale on the final hidden state."""
    bigram: BigramSettings | None = BigramSettings()
    """Hashed bigram embedding; null turns it off."""
    value_embedding: ValueEmbeddingSettings | None = None
    """Value embedding; null turns it off."""
    flow_matcher: FlowMatcherSettings | None = None
    """Native flow matcher; null turns it off."""
    flow_refiner: FlowRefinerSettings | None = None
    """Flow refiner; null turns it off."""
    ttt_linear: TTTLinearSettings | None = None
    """TTT-linear refiner; null turns it off."""

    @model_validator(mode="after")
    def check_shapes(self) -> "ModelSettings":
        """Refuse shapes that cannot be built, naming the key to change."""
        if self.dim % self.heads:
            raise ValueError(f"heads: {self.heads} does not divide dim {self.dim}")
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads: {self.kv_heads} does not divide heads {self.heads}")
        head_dim = self.dim // self.heads
        if self.rope_dims % 2 or self.rope_dims > head_dim:
            raise ValueError(f"rope_dims: {self.rope_dims} must be even and at most dim / heads = {head_dim}")
        if self.xsa_layers > self.layers:
            raise ValueError(f"xsa_layers: {self.xsa_layers} is more than layers {self.layers}")
        if self.ttt_linear and self.dim % self.ttt_linear.heads:
            raise ValueError(f"ttt_linear.heads: {self.ttt_linear.heads} does not divide dim {self.dim}")
        if self.ttt_linear and self.ttt_linear.mini_batch > self.seq_len:
            raise ValueError(
                f"ttt_linear.mini_batch: {self.ttt_linear.mini_batch} is longer than seq_len {self.seq_len}"
            )
        if self.flow_matcher and self.dim % 2:
            raise ValueError(f"dim: {self.dim} must be even for the flow matcher's time features")
        if self.value_embedding and len(set(self.value_embedding.layers)) < len(self.value_embedding.layers):
            raise ValueError(f"value_embedding.layers: {self.value_embedding.layers} names a block twice")
        if self.value_embedding and not set(self.value_embedding.layers) <= set(range(self.layers)):
            raise ValueError(f"value_embedding.layers: {self.value_embedding.layers} must lie in 0..{self.layers - 1}")
        return self
