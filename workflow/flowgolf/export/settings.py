"""How weights become an artifact under a byte cap (docs/spec/export.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flowgolf import named
from flowgolf.settings import Settings, added

Bits = Literal[4, 5, 6, 7, 8]
GRID = (
    "passthrough_max_elements", "scale_floor", "clip", "matrix_bits", "attention_bits", "mlp_bits", "matrix_k",
    "attention_k", "mlp_k",
)  # fmt: skip
"""Settings that say on which grid a matrix of a block is rounded."""


class ExportSettings(Settings):
    """Bit widths, compression and the cap."""

    cap_bytes: int = Field(16_000_000, ge=1)
    """Compressed weights plus code must not exceed this."""
    code_bytes: int | None = Field(None, ge=0)
    """Size of the code that counts beside the weights; null: of the train_gpt.py that is generated for submission."""
    code_wrapper: bool = added(True, as_before=False)
    """Submit, and count where `code_bytes` is null, a train_gpt.py that holds its own source compressed."""
    passthrough_max_elements: int = Field(65_536, ge=0)
    """Tensors up to this size stay float16; small models need a smaller limit."""
    levels: list[Annotated[int, Field(ge=1, le=22)]] = Field([16, 1, 17, 2], min_length=1)
    """zstd levels, in the order in which they are tried."""
    scale_floor: bool = True
    """Rows whose largest weight is below 1 share one coarse grid, as published."""
    clip: Literal["max", "search", "spread"] = "max"
    """Row scale: the largest weight (of 8 bits a quantile), the quantile with the least squared error (below 8 bits),
    or `spread`: a multiple `k` of the row's standard deviation, for every number of bits."""
    matrix_bits: Bits = added(6, as_before=6)
    """Bits of the matrices of attention and MLP."""
    attention_bits: Bits | None = added(None)
    """Bits of the attention's matrices; null: matrix_bits."""
    mlp_bits: Bits | None = added(None)
    """Bits of the MLP's matrices; null: matrix_bits."""
    embedding_bits: Bits = added(8, as_before=8)
    """Bits of embeddings and of whatever else is quantised outside attention and MLP."""
    matrix_k: float = added(12.85, as_before=12.85, gt=0)
    """With `clip: spread`, standard deviations of a row at which its matrices clip."""
    attention_k: float | None = added(None, gt=0)
    """The same for the attention's matrices; null: matrix_k."""
    mlp_k: float | None = added(None, gt=0)
    """The same for the MLP's matrices; null: matrix_k."""
    embedding_k: float = added(20.0, as_before=20.0, gt=0)
    """The same for what embedding_bits are of."""
    codec: Literal["zstd", "range", "brotli", "smallest"] = "zstd"
    """Entropy coder of the weights: zstd's Huffman stage; a range coder that is smaller and slower (no levels); brotli
    of shuffled bytes (no levels); or whatever is `smallest` of those that train_gpt.py reads, zstd and brotli."""
    calibration_batches: int = added(0, as_before=0, ge=0)
    """Batches of training data on which the Hessians of the layers' inputs are summed; 0: none. Their seconds count as
    training."""
    calibration_rows: int = added(48, as_before=48, ge=1)
    """Rows of seq_len tokens in a batch of calibration."""
    gptq: bool = added(False, as_before=False)
    """Choose the integers by GPTQ with the Hessians, instead of rounding to nearest; needs calibration_batches."""
    quantiser: str | None = added(None)
    """An idea that chooses integers and scales from a tensor, its bits, and its Hessian where there is one; null: as
    clip and gptq say."""
    lqer_rank: int = added(0, as_before=0, ge=0, le=64)
    """Rank of the low-rank correction of what quantising lost; 0: none."""
    lqer_tensors: int = added(3, as_before=3, ge=1)
    """How many tensors are corrected, those with the largest error."""
    lqer_form: Literal["symmetric", "record"] = added("symmetric", as_before="symmetric")
    """How the factors of the correction are quantised: a scale a row, or as the record of the challenge did."""
    plan: dict[int, Bits] | Literal["matched"] | None = None
    """Forced bits per block, e.g. {5: 5, 6: 5}; null searches for the fewest int5 blocks that fit.
    `matched` takes the plan of the neediest arm of report.two_by_two."""

    @model_validator(mode="after")
    def check_calibration(self) -> "ExportSettings":
        """Refuse GPTQ without anything to calibrate on."""
        if self.gptq and not self.calibration_batches:
            raise ValueError("gptq: needs Hessians: set calibration_batches to 1 or more (the record: 64)")
        return self

    @model_validator(mode="after")
    def check_quantiser(self) -> "ExportSettings":
        """Refuse a quantiser that is no idea of the study, and one beside GPTQ, which would choose the integers too."""
        named.check("quantiser", self.quantiser)
        if self.quantiser and self.gptq:
            raise ValueError(f"gptq: true, but the quantiser {self.quantiser} chooses the integers; set one of the two")
        return self

    @property
    def grid(self) -> "ExportSettings":
        """What the grids of the blocks' matrices follow from before any plan; everything else as by default."""
        return ExportSettings(**{key: getattr(self, key) for key in GRID})

    @property
    def counted_bytes(self) -> int:
        """`code_bytes` as a number: whoever exports has put the generated file's size in the place of null."""
        if self.code_bytes is None:
            raise ValueError("export.code_bytes: null has to be replaced by the size of the generated train_gpt.py")
        return self.code_bytes
