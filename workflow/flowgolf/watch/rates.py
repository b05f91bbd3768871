"""How fast the stages run: measured on past runs, or declared from the published study."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flowgolf.evaluate.settings import LegalTTTSettings, SlidingSettings
from flowgolf.files import read_json
from flowgolf.model.settings import ModelSettings
from flowgolf.train.settings import TrainSettings
from flowgolf.watch.work import adaptation_flops, model_flops, scoring_flops, training_memory_bytes

# The published run on one A100 40 GB (resources/published/README.md).
PUBLISHED_POSITIONS = 62_021_632
PUBLISHED_STEP_SECONDS = 1.983
PUBLISHED_SLIDING_SECONDS = 1_713
PUBLISHED_LEGAL_TTT_SECONDS = 7_190
PUBLISHED_PEAK_BYTES = 25_832 * 2**20
A100, H100 = "NVIDIA A100 40 GB", "NVIDIA H100 80 GB"
# Dense bfloat16 peaks in NVIDIA's data sheets, in TFLOP/s. That both are used equally well is an assumption.
H100_OVER_A100 = 989 / 312
DECLARED_BASIS = {A100: "declared: the published run", H100: f"declared: {H100_OVER_A100:.2f} x A100 (peak rates)"}


@dataclass(frozen=True)
class Rate:
    """How fast one run did one stage."""

    device: str
    stage: str
    flops_per_token: float
    flops_per_second: float
    extra_memory_bytes: float = 0.0
    """Peak memory of a training beyond what `training_memory_bytes` counts: libraries, buffers."""


def declared_rates() -> list[Rate]:
    """Rates of the published run on an A100, and on an H100 if it is used equally well."""
    model = ModelSettings.model_validate({"flow_matcher": {}}).model_dump(mode="json")
    train = TrainSettings().model_dump(mode="json")
    sliding, adapted = SlidingSettings().model_dump(mode="json"), LegalTTTSettings().model_dump(mode="json")
    per_token = model_flops(model)
    rates = {
        "train": train["batch_tokens"] * per_token / PUBLISHED_STEP_SECONDS,
        "sliding": scoring_flops(model, sliding, PUBLISHED_POSITIONS) / PUBLISHED_SLIDING_SECONDS,
        "legal_ttt": adaptation_flops(model, adapted, PUBLISHED_POSITIONS) / PUBLISHED_LEGAL_TTT_SECONDS,
    }
    extra = PUBLISHED_PEAK_BYTES - training_memory_bytes(model, train)
    return [
        Rate(device, stage, per_token, factor * rate, extra)
        for device, factor in ((A100, 1.0), (H100, H100_OVER_A100))
        for stage, rate in rates.items()
    ]


def measured_rates(results: Path) -> list[Rate]:
    """Measure the rates of every finished run of every study in a results folder.

    A run with an idea that this study does not name is left out: what it computes is not known here.
    """
    found: list[Rate] = []
    for path in sorted(results.glob("*/runs/*/seed*/train/run.json")):
        with suppress(ValidationError):
            found += list(run_rates(path))
    return found


def run_rates(path: Path) -> Iterator[Rate]:
    """Measure the rates of one run's stages; an imported run gives none, as it was not trained here."""
    run = read_json(path)
    if "tokens_per_second" not in run:
        return
    model, train, per_token = run["model"], run["train"], run["flops_per_token"]
    device = device_name(run)
    extra = run["peak_memory_bytes"] - training_memory_bytes(model, train)
    yield Rate(device, "train", per_token, run["tokens_per_second"] * per_token, extra)
    for stage, flops in (("sliding", scoring_flops), ("legal_ttt", adaptation_flops)):
        record = path.parents[1] / stage / f"{stage}.json"
        if record.exists():
            scored = read_json(record)
            if (scored["device"] == "cpu") == (run["device"] == "cpu"):
                work = flops(model, scored["settings"], scored["tokens"])
                yield Rate(device, stage, per_token, work / scored["seconds"])


def device_name(run: Mapping[str, Any]) -> str:
    """Name the device that a run was trained on, with the number of threads or devices."""
    if run["device"] == "cpu":
        return f"CPU, {run['threads']} thread{'s' * (run['threads'] > 1)}"
    devices = run.get("devices", 1)
    return f"{devices} x {run['device']}" if devices > 1 else str(run["device"])


def nearest(rates: Sequence[Rate], stage: str, flops_per_token: float) -> Rate | None:
    """Choose the rate of a stage for a model: the median over the runs of the model nearest in size.

    `rates` are those of one device; None if the stage never ran on it.
    """
    known = [rate for rate in rates if rate.stage == stage]
    if not known:
        return None
    distances = [abs(math.log(rate.flops_per_token / flops_per_token)) for rate in known]
    chosen = [rate for rate, distance in zip(known, distances, strict=True) if distance <= min(distances) + 1e-9]
    return Rate(
        device=chosen[0].device,
        stage=stage,
        flops_per_token=chosen[0].flops_per_token,
        flops_per_second=statistics.median(rate.flops_per_second for rate in chosen),
        extra_memory_bytes=max(rate.extra_memory_bytes for rate in chosen),
    )
