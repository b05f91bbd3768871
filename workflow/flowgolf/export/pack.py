"""Weights to artifact bytes. Each (tensor, bits, level) is quantised, grouped and compressed once, then remembered."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowgolf.export.codec import Codec
from flowgolf.export.compress import at_level, level_pays, literals_only
from flowgolf.export.container import PLANES, Header, Plane, Span, TensorEntry
from flowgolf.export.dequantize import Kind
from flowgolf.export.encode import encode, encoded_bytes
from flowgolf.export.grouping import arrange, best_grouping, pack_classes, symbol_entropy_bytes
from flowgolf.export.layout import Grouping, Symbols
from flowgolf.export.plan import Plan, int5_layers
from flowgolf.export.quantize import Quantised, kind_of, quantise
from flowgolf.export.range_encode import range_compress
from flowgolf.export.settings import ExportSettings
from flowgolf.model.roles import Stored

PLANE_LEVEL = 19  # planes are small: one level serves, and sizes then differ between levels by the weights alone


@dataclass(frozen=True)
class Packed:
    """A tensor at one width, ready for the coder."""

    quantised: Quantised
    symbols: Symbols
    """uint8, q + 2**(bits - 1): (rows, columns)."""
    grouping: Grouping
    entropy_bytes: float
    """Order-0 entropy of the symbols."""


@dataclass(frozen=True)
class Shared:
    """What a plan stores beside the integers."""

    planes: dict[Plane, bytes]
    """As they stand in the file."""
    sha256: str
    """Of the integers of all quantised tensors."""


def bits_of(kind: Kind) -> int:
    """Bits of an integer kind."""
    return int(kind.removeprefix("int"))


def to_symbols(q: Tensor, bits: int) -> Symbols:
    """Integers as non-negative bytes (rows, columns)."""
    shifted = q.to(torch.int16) + 2 ** (bits - 1)
    columns = q.shape[-1] if q.dim() else 1
    symbols: Symbols = shifted.to(torch.uint8).reshape(-1, columns).numpy()
    return symbols


def byte_planes(values: np.ndarray) -> list[bytes]:
    """Little-endian bytes of an array, all first bytes, then all second bytes, ..."""
    width = values.dtype.itemsize
    planes = values.astype(values.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, width)
    return [planes[:, index].tobytes() for index in range(width)]


def store(plane: Plane, content: bytes) -> bytes:
    """A plane as it stands in the file; classes fill their bits already."""
    if plane == "classes":
        return content
    groups = [np.frombuffer(content, np.uint8)]
    return min(literals_only(groups), at_level(groups, PLANE_LEVEL), key=len)


@dataclass
class Packer:
    """The weights of one checkpoint, in every form that a plan or a level asks for."""

    model: dict[str, Any]
    tensors: dict[str, Tensor]
    stored: dict[str, Stored]
    """How the model wants each tensor stored, and what it belongs to."""
    settings: ExportSettings
    packed: dict[tuple[str, int], Packed] = field(default_factory=dict)
    literals: dict[tuple[str, int], bytes] = field(default_factory=dict)
    streams: dict[tuple[str, int, int | None], bytes] = field(default_factory=dict)
    shared: dict[tuple[int, ...], Shared] = field(default_factory=dict)

    @cached_property
    def base_kinds(self) -> dict[str, Kind]:
        """Storage of every tensor before any downgrade."""
        limit = self.settings.passthrough_max_elements
        return {
            name: kind_of(self.stored[name].storage, tensor.numel(), limit) for name, tensor in self.tensors.items()
        }

    @property
    def num_layers(self) -> int:
        """Blocks of the model, as far as they have tensors."""
        return max((each.block + 1 for each in self.stored.values() if each.block is not None), default=0)

    def kinds(self, plan: Plan) -> dict[str, Kind]:
        """Storage of every tensor under a plan."""
        int5 = set(int5_layers(plan))
        return {
            name: "int5" if kind == "int6" and self.stored[name].block in int5 else kind
            for name, kind in self.base_kinds.items()
        }

    def pack(self, name: str, bits: int) -> Packed:
        """Quantised and grouped tensor; a scale beyond float16 is a ValueError."""
        if (name, bits) not in self.packed:
            tensor = self.tensors[name]
            quantised = quantise(tensor, bits, self.settings.scale_floor, self.settings.clip)
            if not quantised.scale.isfinite().all():
                raise ValueError(f"{name}: a weight of {tensor.abs().max():.3g} is too large for a float16 scale")
            symbols = to_symbols(quantised.q, bits)
            grouping = best_grouping(symbols, 2 ** (bits - 1))
            self.packed[name, bits] = Packed(quantised, symbols, grouping, symbol_entropy_bytes(symbols))
        return self.packed[name, bits]

    def stream(self, name: str, bits: int, level: int | None) -> bytes:
        """Coded integers of a tensor; level None is the range coder."""
        key = (name, bits, level)
        if key not in self.streams:
            packed = self.pack(name, bits)
            groups = arrange(packed.symbols, packed.grouping)
            if level is None:
                self.streams[key] = range_compress(groups)
            else:
                self.streams[key] = self.zstd_stream(name, bits, level, groups)
        return self.streams[key]

    def zstd_stream(self, name: str, bits: int, level: int, groups: list[Symbols]) -> bytes:
        """The smaller of literals only (coded once for all levels) and, where it promises to pay, `level`."""
        if (name, bits) not in self.literals:
            self.literals[name, bits] = literals_only(groups)
        literal = self.literals[name, bits]
        return min(literal, at_level(groups, level), key=len) if level_pays(groups, level) else literal

    def shared_planes(self, plan: Plan) -> Shared:
        """Stored planes and hash of the integers under a plan."""
        key = tuple(int5_layers(plan))
        if key not in self.shared:
            stored = {plane: store(plane, content) for plane, content in self.planes(plan).items()}
            self.shared[key] = Shared(stored, self.symbols_sha256(plan))
        return self.shared[key]

    def contents(self, plan: Plan, level: int | None) -> tuple[Header, list[bytes]]:
        """Header and payload of the artifact under a plan at a level."""
        entries, pieces, position = [], [], 0
        for name, kind in self.kinds(plan).items():
            entry = TensorEntry(name=name, kind=kind, shape=list(self.tensors[name].shape))
            if kind.startswith("int"):
                bits = bits_of(kind)
                stream, grouping = self.stream(name, bits, level), self.pack(name, bits).grouping
                span = Span(offset=position, size=len(stream))
                layout = {"span": span, "axis": grouping.axis, "classes": grouping.num_classes}
                entry = entry.model_copy(update=layout)
                pieces.append(stream)
                position += len(stream)
            entries.append(entry)
        spans, shared = {}, self.shared_planes(plan)
        for plane, stored in shared.planes.items():
            spans[plane] = Span(offset=position, size=len(stored))
            pieces.append(stored)
            position += len(stored)
        codec: Codec = "range" if level is None else "zstd"
        header = Header(codec=codec, model=self.model, tensors=entries, planes=spans, symbols_sha256=shared.sha256)
        return header, pieces

    def file_bytes(self, plan: Plan, level: int | None) -> bytes:
        """The artifact under a plan at a level."""
        return encode(*self.contents(plan, level))

    def size_bytes(self, plan: Plan, level: int | None) -> int:
        """Size of the artifact under a plan at a level."""
        header, pieces = self.contents(plan, level)
        return encoded_bytes(header, pieces)

    def integer_tensors(self, plan: Plan) -> list[Packed]:
        """Packed integer tensors in the order of the file."""
        return [self.pack(name, bits_of(kind)) for name, kind in self.kinds(plan).items() if kind.startswith("int")]

    def symbols_sha256(self, plan: Plan) -> str:
        """Hash of the integers of all quantised tensors, in order."""
        digest = hashlib.sha256()
        for packed in self.integer_tensors(plan):
            digest.update(packed.symbols.tobytes())
        return digest.hexdigest()

    def planes(self, plan: Plan) -> dict[Plane, bytes]:
        """Everything that is shared between tensors: classes of lines, bytes of scales, bytes of float tensors."""
        integers = self.integer_tensors(plan)
        scales = [packed.quantised.scale.numpy() for packed in integers]
        halves = [self.float_values(name, torch.float16) for name, kind in self.base_kinds.items() if kind == "float16"]
        floats = [self.float_values(name, torch.float32) for name, kind in self.base_kinds.items() if kind == "float32"]
        contents = [
            pack_classes([packed.grouping for packed in integers]),
            *byte_planes(np.concatenate([np.empty(0, np.float16), *scales])),
            *byte_planes(np.concatenate([np.empty(0, np.float16), *halves])),
            b"".join(byte_planes(np.concatenate([np.empty(0, np.float32), *floats]))),
        ]
        return dict(zip(PLANES, contents, strict=True))

    def float_values(self, name: str, dtype: torch.dtype) -> np.ndarray:
        """Flat values of a tensor that is not quantised; one too large for float16 is a ValueError."""
        values = self.tensors[name].to(dtype).reshape(-1)
        if not values.isfinite().all():
            raise ValueError(f"{name}: a value of {self.tensors[name].abs().max():.3g} is too large for float16")
        return values.numpy()

    def entropy_bytes(self, plan: Plan) -> float:
        """Order-0 entropy of the integers of each tensor, of the bytes of scales and of float tensors."""
        planes = [content for plane, content in self.planes(plan).items() if plane != "classes"]
        shared = sum(symbol_entropy_bytes(np.frombuffer(content, np.uint8)) for content in planes)
        return shared + sum(packed.entropy_bytes for packed in self.integer_tensors(plan))
