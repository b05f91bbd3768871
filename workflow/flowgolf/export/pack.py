"""Weights to artifact bytes. Each tensor is quantised, grouped and coded once for each form, then remembered."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from flowgolf.export import kinds, lqer, planes, quantiser
from flowgolf.export.codec import Coding
from flowgolf.export.container import Correction, Header, Plane, Span, TensorEntry
from flowgolf.export.correct import corrected
from flowgolf.export.dequantize import Kind, as_rows
from flowgolf.export.encode import encode, encoded_bytes
from flowgolf.export.grouping import symbol_entropy_bytes
from flowgolf.export.packed import Packed
from flowgolf.export.plan import Plan
from flowgolf.export.quantize import Quantised, quantise
from flowgolf.export.settings import ExportSettings
from flowgolf.model.roles import Stored


class Item(NamedTuple):
    """An entry of the file: a tensor, or a factor of a correction."""

    name: str
    kind: Kind
    shape: list[int]
    packed: Packed | None
    """None where values are kept."""


@dataclass(frozen=True)
class Shared:
    """What a plan stores beside the integers."""

    planes: dict[Plane, bytes]
    """As they stand in the file."""
    sha256: str
    """Of the integers of all quantised tensors."""
    entropy_bytes: float
    """Order-0 entropy of the integers of each tensor, of the bytes of scales and of float tensors."""


@dataclass
class Packer:
    """The weights of one checkpoint, in every form that a plan or a coding asks for."""

    model: dict[str, Any]
    tensors: dict[str, Tensor]
    stored: dict[str, Stored]
    """How the model wants each tensor stored, and what it belongs to."""
    settings: ExportSettings
    hessians: Mapping[str, Tensor] = field(default_factory=dict)
    """Sums of x x^T over the inputs of tensors (columns, columns), where there was a calibration."""
    packed: dict[tuple[str, int], Packed] = field(default_factory=dict)
    factors: dict[tuple[str, int], tuple[Packed, Packed]] = field(default_factory=dict)
    corrected: dict[tuple[int, ...], list[Correction]] = field(default_factory=dict)
    measured: dict[tuple[str, Kind, bool], float] = field(default_factory=dict)
    shared: dict[tuple[int, ...], Shared] = field(default_factory=dict)

    @cached_property
    def base_kinds(self) -> dict[str, Kind]:
        """Storage of every tensor before any plan."""
        return {
            name: kinds.kind_of(self.stored[name], tensor.numel(), self.settings)
            for name, tensor in self.tensors.items()
        }

    @property
    def num_layers(self) -> int:
        """Blocks of the model, as far as they have tensors."""
        return max((each.block + 1 for each in self.stored.values() if each.block is not None), default=0)

    def kinds(self, plan: Plan) -> dict[str, Kind]:
        """Storage of every tensor under a plan."""
        return {name: self.planned(name, kind, plan) for name, kind in self.base_kinds.items()}

    def planned(self, name: str, kind: Kind, plan: Plan) -> Kind:
        """Storage of a tensor under a plan, which decides about the matrices of blocks."""
        known, matrix_bits = self.stored[name], self.settings.matrix_bits
        if not kind.startswith("int") or known.storage != "block" or known.block is None:
            return kind
        return kinds.int_kind(kinds.planned_bits(kinds.bits_of(kind), plan[known.block], matrix_bits))

    def pack(self, name: str, bits: int) -> Packed:
        """Quantised and grouped tensor; a scale beyond float16 is a ValueError, as is what its clip cannot do."""
        if (name, bits) not in self.packed:
            try:
                quantised = self.quantised(name, bits)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            if not quantised.scale.isfinite().all():
                largest = self.tensors[name].abs().max()
                raise ValueError(f"{name}: a weight of {largest:.3g} is too large for a float16 scale")
            self.packed[name, bits] = Packed.of(quantised, bits)
        return self.packed[name, bits]

    def quantised(self, name: str, bits: int) -> Quantised:
        """Integers and scales of a tensor as the settings, or the idea that they name, choose them."""
        tensor, hessian, settings = self.tensors[name], self.hessians.get(name), self.settings
        if settings.quantiser:
            return quantiser.quantised(tensor, bits, hessian, settings)
        k = kinds.grid_of(self.stored[name], settings).k
        return quantise(tensor, bits, settings.scale_floor, settings.clip, k, hessian if settings.gptq else None)

    def corrections(self, plan: Plan) -> list[Correction]:
        """Low-rank corrections: of the tensors whose quantising has the largest Frobenius norm of error."""
        key = tuple(plan.values())
        if key not in self.corrected:
            rank, most = self.settings.lqer_rank, self.settings.lqer_tensors
            self.corrected[key] = [
                Correction(
                    tensor=name,
                    left=f"{name}:left",
                    right=f"{name}:right",
                    rank=min(rank, *as_rows(self.tensors[name]).shape),
                )
                for name in (self.by_error(plan)[:most] if rank else [])
            ]
        return self.corrected[key]

    def by_error(self, plan: Plan) -> list[str]:
        """Quantised tensors, those with the largest Frobenius norm of error first."""
        errors = {
            name: float(torch.linalg.vector_norm(self.tensors[name] - self.pack(name, kinds.bits_of(kind)).stored))
            for name, kind in self.kinds(plan).items()
            if kind.startswith("int")
        }
        return sorted(errors, key=lambda name: -errors[name])

    def correction(self, name: str, bits: int) -> tuple[Packed, Packed]:
        """The factors of a tensor's correction."""
        if (name, bits) not in self.factors:
            error = as_rows(self.tensors[name] - self.pack(name, bits).stored)
            left, right = lqer.correction(error, self.settings.lqer_rank, self.settings.lqer_form)
            self.factors[name, bits] = Packed.of(left, lqer.FACTOR_BITS), Packed.of(right, lqer.FACTOR_BITS)
        return self.factors[name, bits]

    def factors_of(self, plan: Plan, name: str) -> tuple[Packed, ...]:
        """The factors of a tensor's correction under a plan; none for a tensor without."""
        if all(each.tensor != name for each in self.corrections(plan)):
            return ()
        return self.correction(name, kinds.bits_of(self.kinds(plan)[name]))

    def read_back(self, plan: Plan, name: str) -> Tensor:
        """The weights of a tensor as a reader gets them."""
        kind, tensor = self.kinds(plan)[name], self.tensors[name]
        if not kind.startswith("int"):
            return tensor.half().float() if kind == "float16" else tensor
        stored = self.pack(name, kinds.bits_of(kind)).stored
        for each in self.corrections(plan):
            if each.tensor == name:
                left, right = self.factors_of(plan, name)
                return corrected(stored, left.stored, right.stored, each.rank)
        return stored

    def output_errors(self, plan: Plan) -> dict[str, float]:
        """For each quantised tensor with a Hessian H, of weights W and error E: tr(E H E^T) / tr(W H W^T).

        That is the squared error of the layer's output on the calibration's inputs, against the squared output.
        """
        errors, corrected_names = {}, {each.tensor for each in self.corrections(plan)}
        for name, kind in self.kinds(plan).items():
            if name in self.hessians and kind.startswith("int"):
                key = (name, kind, name in corrected_names)
                if key not in self.measured:
                    stored = self.read_back(plan, name)
                    self.measured[key] = output_error(self.tensors[name], stored, self.hessians[name])
                errors[name] = self.measured[key]
        return errors

    def output_error(self, plan: Plan) -> float | None:
        """Mean of the `output_errors`; None without any."""
        errors = self.output_errors(plan).values()
        return sum(errors) / len(errors) if errors else None

    def items(self, plan: Plan) -> list[Item]:
        """The entries of the file in order: all tensors, then the factors of corrections."""
        found, known = [], self.kinds(plan)
        for name, kind in known.items():
            packed = self.pack(name, kinds.bits_of(kind)) if kind.startswith("int") else None
            found.append(Item(name, kind, list(self.tensors[name].shape), packed))
        factor_kind = kinds.int_kind(lqer.FACTOR_BITS)
        for each in self.corrections(plan):
            pair = self.correction(each.tensor, kinds.bits_of(known[each.tensor]))
            for name, packed in zip((each.left, each.right), pair, strict=True):
                found.append(Item(name, factor_kind, list(packed.symbols.shape), packed))
        return found

    def contents(self, plan: Plan, coding: Coding) -> tuple[Header, list[bytes]]:
        """Header and payload of the artifact under a plan in a coding."""
        entries, pieces, position = [], [], 0
        for item in self.items(plan):
            entry = TensorEntry(name=item.name, kind=item.kind, shape=item.shape)
            if item.packed is not None:
                stream, grouping = item.packed.stream(coding), item.packed.grouping
                span = Span(offset=position, size=len(stream))
                layout = {"span": span, "axis": grouping.axis, "classes": grouping.num_classes}
                entry = entry.model_copy(update=layout)
                pieces.append(stream)
                position += len(stream)
            entries.append(entry)
        spans, shared = {}, self.shared_by(plan)
        for plane, stored in shared.planes.items():
            spans[plane] = Span(offset=position, size=len(stored))
            pieces.append(stored)
            position += len(stored)
        header = Header(
            codec=coding.codec, model=self.model, tensors=entries, planes=spans, symbols_sha256=shared.sha256,
            corrections=self.corrections(plan),
        )  # fmt: skip
        return header, pieces

    def file_bytes(self, plan: Plan, coding: Coding) -> bytes:
        """The artifact under a plan in a coding."""
        return encode(*self.contents(plan, coding))

    def size_bytes(self, plan: Plan, coding: Coding) -> int:
        """Size of the artifact under a plan in a coding."""
        header, pieces = self.contents(plan, coding)
        return encoded_bytes(header, pieces)

    def shared_by(self, plan: Plan) -> Shared:
        """Stored planes, hash of the integers and entropy under a plan."""
        key = tuple(plan.values())
        if key not in self.shared:
            integers, digest = [item.packed for item in self.items(plan) if item.packed is not None], hashlib.sha256()
            for packed in integers:
                digest.update(packed.symbols.tobytes())
            contents = planes.planes(integers, *(self.kept_values(kind) for kind in (torch.float16, torch.float32)))
            entropy = sum(packed.entropy_bytes for packed in integers)
            for plane, content in contents.items():
                entropy += symbol_entropy_bytes(np.frombuffer(content, np.uint8)) if plane != "classes" else 0
            stored = {plane: planes.store(plane, content) for plane, content in contents.items()}
            self.shared[key] = Shared(stored, digest.hexdigest(), entropy)
        return self.shared[key]

    def kept_values(self, dtype: torch.dtype) -> list[np.ndarray]:
        """Flat values of the tensors kept in float16 or float32."""
        kind = str(dtype).removeprefix("torch.")
        return [self.float_values(name, dtype) for name, each in self.base_kinds.items() if each == kind]

    def float_values(self, name: str, dtype: torch.dtype) -> np.ndarray:
        """Flat values of a tensor that is not quantised; one too large for float16 is a ValueError."""
        values = self.tensors[name].to(dtype).reshape(-1)
        if not values.isfinite().all():
            raise ValueError(f"{name}: a value of {self.tensors[name].abs().max():.3g} is too large for float16")
        return values.numpy()


def output_error(weight: Tensor, stored: Tensor, hessian: Tensor) -> float:
    """Squared error of the output of `stored` (rows, columns) against the squared output of `weight`."""
    error, rows = as_rows(weight - stored), as_rows(weight)
    whole = float(((rows @ hessian) * rows).sum(dtype=torch.float64))
    return float(((error @ hessian) * error).sum(dtype=torch.float64)) / whole if whole else 0.0
