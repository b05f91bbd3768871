"""How a tensor is stored, and by which clip, as the settings say for its kind (docs/spec/export.md, X2)."""

from typing import NamedTuple

from flowgolf.export.dequantize import Kind
from flowgolf.export.settings import ExportSettings
from flowgolf.model.roles import Stored

ATTENTION, MLP = "attention", "MLP"  # labels of the modules whose matrices may have bits of their own


class Grid(NamedTuple):
    """What the integers of a tensor are."""

    bits: int
    k: float
    """Standard deviations of a row at which it clips, with `clip: spread`."""


def kind_of(stored: Stored, num_elements: int, settings: ExportSettings) -> Kind:
    """How a tensor is stored before any plan: float16 and float32 keep values, integers quantise rows."""
    if num_elements <= settings.passthrough_max_elements:
        return "float16"
    return "float32" if stored.storage == "control" else int_kind(grid_of(stored, settings).bits)


def grid_of(stored: Stored, settings: ExportSettings) -> Grid:
    """The bits and the clip of a quantised tensor before any plan."""
    if stored.storage != "block":
        return Grid(settings.embedding_bits, settings.embedding_k)
    bits = {ATTENTION: settings.attention_bits, MLP: settings.mlp_bits}.get(stored.label)
    k = {ATTENTION: settings.attention_k, MLP: settings.mlp_k}.get(stored.label)
    return Grid(settings.matrix_bits if bits is None else bits, settings.matrix_k if k is None else k)


def planned_bits(own: int, planned: int, matrix_bits: int) -> int:
    """Bits of a block's matrix under a plan: fewer than `matrix_bits` lower its own, more raise them."""
    if planned == matrix_bits:
        return own
    return min(own, planned) if planned < matrix_bits else max(own, planned)


def int_kind(bits: int) -> Kind:
    """The kind of integers of so many bits, 4 to 8."""
    kinds: dict[int, Kind] = {4: "int4", 5: "int5", 6: "int6", 7: "int7", 8: "int8"}
    return kinds[bits]


def bits_of(kind: Kind) -> int:
    """Bits of an integer kind."""
    return int(kind.removeprefix("int"))
