"""What export.json says: sizes, plan, attempts, entropy bound, a row per tensor (docs/spec/export.md, X12)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowgolf.export.dequantize import as_rows
from flowgolf.export.grouping import symbol_entropy_bytes
from flowgolf.export.kinds import bits_of
from flowgolf.export.pack import Packer
from flowgolf.export.plan import Attempt


def export_record(packer: Packer, chosen: Attempt, attempts: list[Attempt]) -> dict[str, Any]:
    """Figures of an export. `over_entropy` is the share of the file above `entropy_bound_bytes`.

    The bound is the order-0 entropy of the integers of each tensor and of the byte planes of scales and float tensors
    (docs/spec/export.md, X13); lines grouped by spread can fall below it, since each group has statistics of its own.
    """
    settings = packer.settings
    bytes_total = chosen.bytes_weights + settings.counted_bytes
    num_parameters = sum(tensor.numel() for tensor in packer.tensors.values())
    bound = packer.shared_by(chosen.plan).entropy_bytes
    return {
        "settings": settings.model_dump(mode="json"),
        "bytes_weights": chosen.bytes_weights,
        "bytes_code": settings.counted_bytes,
        "bytes_total": bytes_total,
        "cap_bytes": settings.cap_bytes,
        "headroom_bytes": settings.cap_bytes - bytes_total,
        "codec": chosen.coding.codec,
        "level": chosen.coding.level,
        "plan": {str(layer): bits for layer, bits in chosen.plan.items()},
        "int5_layers": chosen.int5_layers,
        "plan_forced": settings.plan is not None,
        "attempts": [attempt_record(packer, attempt) for attempt in attempts],
        "parameters": num_parameters,
        "bits_per_parameter": chosen.bytes_weights * 8 / num_parameters,
        "entropy_bound_bytes": round(bound),
        "over_entropy": chosen.bytes_weights / bound - 1,
        "output_error": packer.output_error(chosen.plan),
        "tensors": [tensor_record(packer, name, chosen) for name in packer.tensors],
        "corrections": [each.model_dump() for each in packer.corrections(chosen.plan)],
    }


def attempt_record(packer: Packer, attempt: Attempt) -> dict[str, Any]:
    """One line of the search; `output_error` is null where there are no Hessians."""
    settings = packer.settings
    bytes_total = attempt.bytes_weights + settings.counted_bytes
    return {
        "int5_layers": attempt.int5_layers,
        "codec": attempt.coding.codec,
        "level": attempt.coding.level,
        "bytes_weights": attempt.bytes_weights,
        "bytes_total": bytes_total,
        "fits": bytes_total <= settings.cap_bytes,
        "entropy_bound_bytes": round(packer.shared_by(attempt.plan).entropy_bytes),
        "output_error": packer.output_error(attempt.plan),
    }


def tensor_record(packer: Packer, name: str, chosen: Attempt) -> dict[str, Any]:
    """Storage, bytes, entropy and squared errors of a tensor.

    `bytes` of a quantised tensor are its coded integers and its uncompressed scales (2 a row), of a float tensor its
    uncompressed values; `entropy_bytes` likewise; the factors of a correction count with the tensor. `mse` is the mean
    squared error of the stored weights, `clip_loss` the part of it that lies beyond the clip, `output_error` that of
    the layer's output on the calibration's inputs, relative; null without a Hessian.
    """
    tensor, kind = packer.tensors[name], packer.kinds(chosen.plan)[name]
    facts: dict[str, Any] = {"name": name, "label": packer.stored[name].label, "kind": kind}
    facts |= {"shape": list(tensor.shape), "elements": tensor.numel()}
    error = tensor - packer.read_back(chosen.plan, name)
    if not kind.startswith("int"):
        stored = tensor.half() if kind == "float16" else tensor
        size = stored.numel() * stored.element_size()
        return {**facts, "bits": 8 * stored.element_size(), "bytes": size, "entropy_bytes": byte_entropy(stored),
                "classes": 1, "mse": mean_square(error), "clip_loss": 0.0, "output_error": None}  # fmt: skip
    bits = bits_of(kind)
    packed, rows = packer.pack(name, bits), as_rows(tensor)
    pieces = [packed, *packer.factors_of(chosen.plan, name)]
    scale_bytes = sum(2 * len(each.symbols) for each in pieces)
    return {
        **facts,
        "bits": bits,
        "bytes": sum(len(each.stream(chosen.coding)) for each in pieces) + scale_bytes,
        "entropy_bytes": sum(each.entropy_bytes for each in pieces) + scale_bytes,
        "classes": packed.grouping.num_classes,
        "mse": mean_square(error),
        "clip_loss": mean_square((rows.abs() - packed.quantised.clip[:, None]).clamp_min(0)),
        "output_error": packer.output_errors(chosen.plan).get(name),
    }


def byte_entropy(stored: Tensor) -> float:
    """Order-0 entropy in bytes of each byte plane of a float tensor."""
    planes = stored.reshape(-1, 1).contiguous().view(torch.uint8).numpy()
    return sum(symbol_entropy_bytes(np.ascontiguousarray(planes[:, index])) for index in range(planes.shape[1]))


def mean_square(error: Tensor) -> float:
    """Mean of squares."""
    return float(error.double().square().mean())
