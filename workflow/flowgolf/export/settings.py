"""How weights become an artifact under a byte cap (docs/spec/export.md)."""

from typing import Annotated, Literal

from pydantic import Field

from flowgolf.settings import Settings


class ExportSettings(Settings):
    """Bit widths, compression and the cap."""

    cap_bytes: int = Field(16_000_000, ge=1)
    """Compressed weights plus code must not exceed this."""
    code_bytes: int | None = Field(None, ge=0)
    """Size of the code that counts beside the weights; null: of the train_gpt.py that is generated for submission."""
    passthrough_max_elements: int = Field(65_536, ge=0)
    """Tensors up to this size stay float16; small models need a smaller limit."""
    levels: list[Annotated[int, Field(ge=1, le=22)]] = Field([16, 1, 17, 2], min_length=1)
    """zstd levels, in the order in which they are tried."""
    scale_floor: bool = True
    """Rows whose largest weight is below 1 share one coarse grid, as published."""
    clip: Literal["max", "search"] = "max"
    """Row scale of int6/int5: the largest weight, or the quantile with the least squared error."""
    codec: Literal["zstd", "range"] = "zstd"
    """Entropy coder of the weights: zstd's Huffman stage, or a range coder that is smaller and slower (no levels)."""
    plan: dict[int, Literal[5, 6]] | Literal["matched"] | None = None
    """Forced bits per block, e.g. {5: 5, 6: 5}; null searches for the fewest int5 blocks that fit.
    `matched` takes the plan of the neediest arm of report.two_by_two."""

    @property
    def counted_bytes(self) -> int:
        """`code_bytes` as a number: whoever exports has put the generated file's size in the place of null."""
        if self.code_bytes is None:
            raise ValueError("export.code_bytes: null has to be replaced by the size of the generated train_gpt.py")
        return self.code_bytes
