"""How windows slide over the validation tokens."""

from pydantic import Field, model_validator

from flowgolf.settings import Settings


class WindowSettings(Settings):
    """Windows that slide over the validation tokens."""

    seq_len: int = Field(2048, ge=1)
    """Window length, the longest context of a scored position."""
    stride: int = Field(64, ge=1)
    """Positions scored per window."""
    batch_windows: int | None = Field(None, ge=1)
    """Windows scored in one forward pass; changes speed and memory only. null: what memory_mb allows."""
    memory_mb: int = Field(1024, ge=1)
    """Memory for the activations of one forward pass, where batch_windows is null."""
    max_positions: int | None = Field(None, ge=1)
    """Score only the first positions; such a result is labelled partial. null: all."""
    keep_nats: bool = False
    """Keep the loss of each position beside the result, for paired tests between variants."""
    threads: int = Field(1, ge=1)
    """CPU threads."""
    compile: bool | None = None
    """Score through torch.compile: half a minute or more to start, then faster; held to the plain digits. null: on a
    GPU only."""

    @model_validator(mode="after")
    def check_stride(self) -> "WindowSettings":
        """Refuse a stride that would leave positions unscored."""
        if self.stride > self.seq_len:
            raise ValueError(f"stride: {self.stride} is larger than the window seq_len {self.seq_len}")
        return self
