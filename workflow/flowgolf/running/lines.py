"""The lines of a run's log: what the generated train_gpt.py prints and what lies in a submission, by one code.

Each is `label key:value key:value`, or the name of a block of settings and the block.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

SIZES = ("bytes_weights", "bytes_code", "bytes_total", "cap_bytes", "int5_layers", "artifact_sha256")
SUMS = ("nats", "tokens", "bytes", "loss", "bpb")
FACTS = ("commit", "host", "slurm_job_id", "written_at")
"""Where and when a record was made, as far as it says so."""


def pairs(label: str, figures: Mapping[str, Any]) -> str:
    """`label key:value key:value`; what is not known (None, or empty in a table) is left out."""
    shown = (f"{key}:{value}".replace(" ", "") for key, value in figures.items() if value is not None and value != "")
    return " ".join([label, *shown])


def head(variant: str, seed: int, blocks: Mapping[str, Any]) -> Iterator[str]:
    """What is run: variant and seed, then each block of settings."""
    yield f"train {variant} seed:{seed}"
    for name, block in blocks.items():
        yield f"{name} {json.loads(json.dumps(block, sort_keys=True))}"


def trained(record: Mapping[str, Any]) -> Iterator[str]:
    """The end of a training, by its run.json."""
    figures = {key: record[key] for key in ("parameters", "steps")}
    yield pairs("train end", {**figures, "seconds": record["elapsed_seconds"]})
    yield made("train", record)


def exported(record: Mapping[str, Any]) -> Iterator[str]:
    """Attempts and result of an export, by its export.json."""
    for attempt in record["attempts"]:
        yield pairs("export", dict(sorted(attempt.items())))
    if "calibration" in record:
        yield "calibration on {tokens} training tokens in {seconds} s".format(**record["calibration"])
    yield pairs("export", {key: record[key] for key in SIZES})
    yield made("export", record)


def scored(name: str, record: Mapping[str, Any]) -> str:
    """The result of an evaluation; the roundtrip's sums and figures alone."""
    if name == "roundtrip":
        return pairs(name, {key: record[key] for key in SUMS})
    return pairs(
        name,
        {key: record[key] for key in (*SUMS, "seconds", "artifact_sha256")} | dict(sorted(record["ledger"].items())),
    )


def made(stage: str, record: Mapping[str, Any]) -> str:
    """Where, when and with which PyTorch a record was made."""
    torch = record.get("versions", {}).get("torch")
    device = {"device": record.get("device"), "devices": record.get("devices")}
    return pairs(f"made {stage}", {key: record.get(key) for key in FACTS} | {"torch": torch, **device})
