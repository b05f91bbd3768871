"""The model: `ModelSettings` describes it without importing torch, `GPT` builds it."""

from typing import TYPE_CHECKING, Any

from flowgolf.model.settings import ModelSettings

if TYPE_CHECKING:
    from flowgolf.model.gpt import GPT

__all__ = ["GPT", "ModelSettings"]


def __getattr__(name: str) -> Any:
    """Import torch only when the model itself is asked for: a Snakefile reads the settings alone."""
    if name == "GPT":
        from flowgolf.model.gpt import GPT

        return GPT
    raise AttributeError(f"module 'flowgolf.model' has no attribute '{name}'")
