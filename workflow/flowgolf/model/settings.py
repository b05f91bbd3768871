"""What a model is made of: the transformer's own settings, and one key for each part that lies in `parts/`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from flowgolf.model import registry
from flowgolf.settings import Settings, added

Ratio = Annotated[int, Field(gt=0)] | Annotated[float, Field(gt=0)]


class RecurrenceSettings(Settings):
    """Blocks `start` to `end` run several times in a row with the same weights."""

    start: int = Field(3, ge=0)
    """First block of the loop, counted from 0."""
    end: int = Field(5, ge=0)
    """Last block of the loop."""
    repeats: int = Field(2, ge=1)
    """How often the loop runs again after its first time."""
    from_fraction: float = Field(0.35, ge=0, le=1)
    """Share of the training (steps, or time under a cap) after which it loops; export and evaluation always do."""


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
    mlp_ratio: Ratio = 3
    """MLP hidden width as a multiple of dim, rounded down to a whole one."""
    rope_dims: int = Field(16, ge=2)
    """Rotated dimensions of each head; even, at most dim / heads."""
    rope_scale_from: int | None = added(1024, as_before=1024, ge=1)
    """Training length above which the rotary base grows with the length; null: it is 10,000 at any."""
    softcap: float = Field(30.0, gt=0)
    """Logits are squeezed smoothly into this range."""
    tied_head: bool = True
    """Output head shares the token embedding."""
    value_residual: bool = True
    """Later blocks mix in the first block's values."""
    ln_scale: bool = True
    """Scale the normed input of block i by 1/sqrt(i + 1)."""
    residual_stream: Literal["float32", "bfloat16"] = added("float32", as_before="float32")
    """Type of the residual stream where products are in bfloat16, which is on a GPU; elsewhere it is float32."""
    xsa_layers: int = Field(11, ge=0)
    """Last blocks that remove each head's projection on its own value direction."""
    q_gain: float = added(1.5, as_before=1.5, gt=0)
    """Start of the gain on each head's queries."""
    skip_gates: bool = added(False, as_before=False)
    """Mix each skip with the residual stream by a learned gate a channel instead of adding it."""
    recurrence: RecurrenceSettings | None = added(None, as_before=None)
    """Depth recurrence; null: every block runs once."""
    parallel_from: int | None = added(None, as_before=None, ge=0)
    """From this block on attention and MLP read the same input; null: the MLP always reads the attention's output."""
    embedding_dim: int | None = added(None, as_before=None, ge=1)
    """Width of the token table where it is not dim; two projections join it to the blocks. null: dim."""
    document_masks: bool = added(False, as_before=False)
    """Attention sees no token before the last beginning of a document."""
    smear_across_documents: bool = added(True, as_before=True)
    """Let `smear` carry the last token of a document into the first of the next."""
    bos_id: int = added(1, as_before=1, ge=0)
    """Token that begins a document, for the parts that keep documents apart."""


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
    if int(settings.mlp_ratio * settings.dim) < 1:
        raise ValueError(f"mlp_ratio: {settings.mlp_ratio} leaves no hidden unit at dim {settings.dim}")
    check_order(settings)
    if settings.bos_id >= settings.vocab_size:
        raise ValueError(f"bos_id: {settings.bos_id} is not below vocab_size {settings.vocab_size}")
    for key in registry.switched_on(settings):
        own = getattr(settings, key)
        if hasattr(own, "check_model"):
            own.check_model(settings)
    return settings


def check_order(settings: CoreSettings) -> None:
    """Refuse a loop or a first parallel block that lies outside the blocks."""
    loop, last = settings.recurrence, settings.layers - 1
    if loop is not None and loop.start > loop.end:
        raise ValueError(f"recurrence.start: {loop.start} is after the loop's end {loop.end}")
    if loop is not None and loop.end > last:
        raise ValueError(f"recurrence.end: {loop.end} lies outside the blocks 0..{last}")
    if settings.parallel_from is not None and settings.parallel_from > last:
        raise ValueError(f"parallel_from: {settings.parallel_from} is past the last block, {last}")


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
