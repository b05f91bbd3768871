"""What `make full-size` takes through every stage: which study, and what is smaller in it than in its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flowgolf.study.merge import merge
from repository import ROOT

SMALLER: dict[str, Any] = {
    "seeds": [42],
    "sweeps": {},
    "limits": None,  # those of eight GPUs
    "submission": {"track": "non_record_16mb"},
    "report": {"matched_plan": False, "pairs": []},
    "base": {
        "train": {"steps": 2, "batch_tokens": 4096, "micro_batches": 1, "devices": 1, "threads": 2,
                  "checkpoint_every": 1},
        "evaluate": {
            "sliding": {"memory_mb": 2048, "threads": 2},
            "legal_ttt": {"memory_mb": 2048, "threads": 2, "batch_seqs": 1, "epochs": 1, "save_every_chunks": 1},
        },
    },
}  # fmt: skip
"""The same in every pass; the text is the embedded one."""


@dataclass(frozen=True)
class Pass:
    """One study at full size, its model and settings as its file has them but for what is named here."""

    config: Path
    arm: str
    """The variant that goes through the stages; the study's report.two_by_two names it."""
    parameters: int
    positions: int
    """Least number of positions that each evaluation scores."""
    data: Mapping[str, Any]
    """Differences from the quick study's data."""
    base: Mapping[str, Any]
    """Differences from `base`, besides SMALLER."""
    variants: Mapping[str, Any]
    order: tuple[str, str] | None = None
    """How the two halves of the blocks run while they loop; None where every block runs once."""
    packages: tuple[str, ...] = field(default=())
    """What the generated file needs to read the artifact, besides the usual four."""
    cap_bytes: int = 16_000_000

    @property
    def folder(self) -> Path:
        """Results of the pass."""
        return ROOT / "results" / f"full_size_{self.config.stem}"

    @property
    def run(self) -> Path:
        """Results of the run."""
        return self.folder / "runs" / self.arm / "seed42"

    @property
    def submission(self) -> Path:
        """The folder that would be submitted."""
        return self.folder / "submission" / self.arm

    def study(self) -> dict[str, Any]:
        """The study of the file on the embedded text, with what is smaller."""
        quick = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        smaller = merge(merge(SMALLER, {"base": self.base}), {"name": self.folder.name})
        smaller["submission"]["variants"] = [self.arm]
        study = merge(yaml.safe_load(self.config.read_text()), smaller)
        return study | {"variants": dict(self.variants), "data": merge(quick["data"], self.data)}


PUBLISHED = Pass(
    config=ROOT / "config" / "parameter_golf.yaml",
    arm="nfm",
    parameters=27_530_952,
    positions=8192,
    data={"max_document_bytes": 4800, "split": {"k": 40}},
    base={
        "train": {"warmdown_steps": 1},
        "export": {"scale_floor": False},  # with it weights of two steps fit at once; without it the search has work
        "evaluate": {"legal_ttt": {"chunk_tokens": 4096}},
    },
    variants={"base": {}, "nfm": {"model": {"flow_matcher": {"hidden_dim": 256, "loss_weight": 0.1}}}},
)

RECORD = Pass(
    config=ROOT / "config" / "record.yaml",
    arm="base",
    parameters=35_944_536,
    positions=4000,
    data={"max_document_bytes": 3800, "split": {"k": 40}, "tokenizer": {"vocab_size": 8192}},
    base={
        "train": {"max_seconds": None, "export_reserve_seconds": 0.0},  # steps decide when it loops: before the second
        "export": {"calibration_batches": 4, "calibration_rows": 2},
        "evaluate": {"legal_ttt": {"chunk_tokens": 2048}},
    },
    variants={"base": {}, "no_recurrence": {"model": {"recurrence": None}}},
    order=("0 1 2 3 4 5 3 4", "5 3 4 5 6 7 8 9 10"),
    packages=("brotli",),
)

PASSES = {each.config.name: each for each in (PUBLISHED, RECORD)}
