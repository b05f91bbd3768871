"""The table of codecs: what each makes of an arm's integers."""

from typing import Any

import pandas as pd
import pytest

from flowgolf.report.results.collect import collect_results
from flowgolf.report.tables.by_codec import codecs_table

SIZES = {"zstd": 1000, "range": 980, "brotli": 990}


def codecs(more_bytes: int, chosen: str, output_error: float | None) -> list[dict[str, Any]]:
    """What an export record says of its codecs."""
    return [
        {
            "codec": codec, "level": None, "bytes_weights": size + more_bytes, "bytes_total": size + more_bytes + 50,
            "entropy_bound_bytes": 1000 + more_bytes, "output_error": output_error, "chosen": codec == chosen,
            "in_train_gpt": codec != "range", "fits": True, "int5_layers": [],
        }
        for codec, size in SIZES.items()
    ]  # fmt: skip


def made(study: Any) -> pd.DataFrame:
    return codecs_table(collect_results(study.manifest_path)).frame


def test_an_arm_has_a_row_for_each_codec_with_means_over_its_runs(study: Any) -> None:
    for seed, more, chosen in ((42, 0, "zstd"), (1337, 60, "brotli"), (2025, 0, "brotli")):
        study.change("base", seed, "export", codecs=codecs(more, chosen, 0.01 + more / 1000))
    table = made(study).query("variant == 'base'").set_index("codec")
    assert list(table.index) == ["range", "brotli", "zstd"]
    assert list(table["bytes_weights"]) == [1000, 1010, 1020]
    assert list(table["bytes_total"]) == [1050, 1060, 1070]
    assert list(table["n"]) == [3, 3, 3]
    assert list(table["chosen"]) == [0, 2, 1]
    assert list(table["in_train_gpt"]) == ["no", "yes", "yes"]
    assert list(table["above_bound_percent"]) == pytest.approx([100 * (size / 1020 - 1) for size in (1000, 1010, 1020)])
    assert list(table["output_error"]) == pytest.approx([0.03] * 3)


def test_without_a_calibration_there_is_no_output_error(study: Any) -> None:
    study.change("base", 42, "export", codecs=codecs(0, "zstd", None))
    table = codecs_table(collect_results(study.manifest_path))
    row = next(cells for cells in table.cells() if cells[0] == "base")
    assert row == ["base", "range", "1", "980", "1,030", "1,000", "-2.00", "", "no", "0"]


def test_an_arm_without_a_comparison_says_why(study: Any) -> None:
    for seed in (42, 1337, 2025):
        study.remove("nfm", seed, "export", "sliding", "legal_ttt")
    table = made(study).set_index("variant")
    assert (table.loc["nfm", "codec"], table.loc["base", "codec"]) == ("pending", "not compared")
