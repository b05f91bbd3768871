"""What a model is made of: the transformer's own settings, and one key for each part that lies in `parts/`."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from flowgolf.model import registry
from flowgolf.settings import Settings


class CoreSettings(Settings):
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
    value_residual: bool = True
    """Later blocks mix in the first block's values."""
    ln_scale: bool = True
    """Scale the normed input of block i by 1/sqrt(i + 1)."""
    xsa_layers: int = Field(11, ge=0)
    """Last blocks that remove each head's projection on its own value direction."""


def check_shapes(settings: CoreSettings) -> CoreSettings:
    """Refuse shapes that cannot be built, naming the key to change; each part checks what it asks of the model."""
    if settings.dim % settings.heads:
        raise ValueError(f"heads: {settings.heads} does not divide dim {settings.dim}")
    if settings.heads % settings.kv_heads:
        raise ValueError(f"kv_heads: {settings.kv_heads} does not divide heads {settings.heads}")
    head_dim = settings.dim // settings.heads
    if settings.rope_dims % 2 or settings.rope_dims > head_dim:
        raise ValueError(f"rope_dims: {settings.rope_dims} must be even and at most dim / heads = {head_dim}")
    if settings.xsa_layers > settings.layers:
        raise ValueError(f"xsa_layers: {settings.xsa_layers} is more than layers {settings.layers}")
    for key in registry.switched_on(settings):
        own = getattr(settings, key)
        if hasattr(own, "check_model"):
            own.check_model(settings)
    return settings


def with_parts() -> Any:
    """ModelSettings of the parts that there are now: the fields of CoreSettings, and one for each part."""
    kinds: dict[str, Any] = dict(CoreSettings.__annotations__)
    defaults: dict[str, Any] = dict(CoreSettings.model_fields)
    order = list(kinds)
    for key, after, kind, default in registry.part_fields(order):
        kinds[key], defaults[key] = kind, default
        order.insert(len(order) if after is None else order.index(after) + 1, key)
    namespace = {
        "__annotations__": {name: kinds[name] for name in order},
        "__doc__": CoreSettings.__doc__,
        "__module__": __name__,
        "check_shapes": model_validator(mode="after")(check_shapes),
        **defaults,
    }
    metaclass: Any = type(CoreSettings)
    return metaclass("ModelSettings", (Settings,), namespace)


if TYPE_CHECKING:

    class ModelSettings(CoreSettings):
        """CoreSettings and a field for each part, under its key."""

else:
    ModelSettings = with_parts()
