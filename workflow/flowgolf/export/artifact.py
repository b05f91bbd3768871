"""Rule export: a checkpoint becomes the file that is measured, and `load` reads it back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from flowgolf.export.codec import Coding
from flowgolf.export.encode import write
from flowgolf.export.pack import Packer
from flowgolf.export.plan import Attempt, DoesNotFitError, candidate_plans, read_plan, search
from flowgolf.export.record import export_record
from flowgolf.export.settings import ExportSettings
from flowgolf.export.unpack import load
from flowgolf.files import write_json
from flowgolf.model import roles, weights_file
from flowgolf.model.roles import Stored
from flowgolf.running.facts import run_record


@dataclass(frozen=True)
class Calibration:
    """What a pass over training data has to tell."""

    hessians: dict[str, Tensor]
    """Name of a tensor -> sum of x x^T over its inputs x, divided by the number of batches (columns, columns)."""
    record: dict[str, Any] = field(default_factory=dict)
    """What export.json says of it: data, seconds."""


def export(
    checkpoint_path: str | Path,
    settings: ExportSettings,
    artifact_path: str | Path,
    record_path: str | Path,
    matched_plan_path: str | Path | None = None,
    calibration: Calibration | None = None,
    compare: Callable[[Packer, Attempt], list[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Quantise and compress a checkpoint under the cap; write the artifact and its record, return the record.

    `matched_plan_path` holds the plan to use where `settings.plan` is `matched`, `calibration` the Hessians that
    `settings.calibration_batches` asks for. `compare` makes the record's `codecs` of the weights and what was chosen.
    ValueError if `settings.code_bytes` is null, the weights are not finite, a forced plan names a block that is not
    there, there is no calibration where one is asked for, or nothing fits.
    """
    if settings.calibration_batches and calibration is None:
        raise ValueError(f"{checkpoint_path}: export.calibration_batches asks for a calibration, and none was made")
    if settings.plan == "matched":
        if matched_plan_path is None:
            raise ValueError(f"{checkpoint_path}: export.plan is `matched`, and no matched plan is given")
        settings = settings.model_copy(update={"plan": read_plan(matched_plan_path)})
    packer = Packer(*read_checkpoint(checkpoint_path), settings, calibration.hessians if calibration else {})
    candidates = candidate_plans(packer.num_layers, settings.plan, settings.matrix_bits)
    room_bytes = settings.cap_bytes - settings.counted_bytes
    smallest = settings.codec == "smallest"
    try:
        chosen, attempts = search(candidates, codings(settings), packer.size_bytes, room_bytes, smallest)
    except DoesNotFitError as error:
        raise DoesNotFitError(f"cap_bytes {settings.cap_bytes} too small: {error} ({checkpoint_path})") from None
    write(artifact_path, packer.file_bytes(chosen.plan, chosen.coding))
    artifact = load(artifact_path)
    record = export_record(packer, chosen, attempts) | {
        **({"codecs": compare(packer, chosen)} if compare else {}),
        **({"calibration": calibration.record} if calibration else {}),
        "artifact_sha256": artifact.sha256,
        "artifact_name": Path(artifact_path).name,
        **run_record(),
    }
    write_json(record_path, record)
    return record


def codings(settings: ExportSettings) -> list[Coding]:
    """The codings to try, in order. `smallest` chooses among those that the generated train_gpt.py reads."""
    zstd = [Coding("zstd", level) for level in settings.levels]
    if settings.codec == "smallest":
        return [*zstd, Coding("brotli")]
    return zstd if settings.codec == "zstd" else [Coding(settings.codec)]


def read_checkpoint(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Stored]]:
    """Model settings, float32 weights, and how each is stored; weights that are not finite are a ValueError."""
    text, tensors = weights_file.load(path)
    if not text:
        raise ValueError(
            f"{path}: the checkpoint does not say how its weights are to be stored; one of an older version is of no "
            f"more use: delete {Path(path).parent} and train again"
        )
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise ValueError(f"{path}: {name} holds {tensor.dtype}; weights are floating point")
        if not tensor.numel():
            raise ValueError(f"{path}: {name} of shape {list(tensor.shape)} holds no weights")
        num_bad = int((~tensor.isfinite()).sum())
        if num_bad:
            raise ValueError(f"{path}: {name} has {num_bad} values that are not finite")
    model, stored = roles.from_text(text)
    return model, {name: tensor.float() for name, tensor in tensors.items()}, stored
