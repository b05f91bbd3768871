"""submission.json: who submits what, its figures over seeds, sizes and compliance (docs/spec/results.md, R10)."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from flowgolf.submission.seeds import SeedRecords


def submission_record(
    runs: Sequence[SeedRecords],
    primary: SeedRecords,
    variant: str,
    about: Mapping[str, Any],
    compliance: Mapping[str, bool],
) -> dict[str, Any]:
    """Content of submission.json. `about` holds author, github_id, name, blurb and track.

    `val_loss` (nats per token) and `val_bpb` are means over seeds after legal test-time training, `val_bpb_std` is
    the sample standard deviation, null for one seed; sizes, times and hardware are those of the primary seed.
    """
    bpb = [run.legal_ttt["bpb"] for run in runs]
    train, export = primary.train, primary.export
    return {
        **{key: about[key] for key in ("author", "github_id", "name", "blurb", "track")},
        "variant": variant,
        "date": max(record["written_at"] for run in runs for record in run.stages.values())[:10],
        "val_loss": statistics.fmean(run.legal_ttt["loss"] for run in runs),
        "val_bpb": statistics.fmean(bpb),
        "val_bpb_std": statistics.stdev(bpb) if len(bpb) > 1 else None,
        "seeds": [run.seed for run in runs],
        "seed_results": {str(run.seed): seed_result(run) for run in runs},
        "primary_seed": primary.seed,
        "artifact_bytes": export["bytes_weights"],
        "artifact_sha256": export["artifact_sha256"],
        "bytes_code": export["bytes_code"],
        "bytes_total": export["bytes_total"],
        "cap_bytes": export["cap_bytes"],
        "hardware": hardware(train),
        "pytorch_version": train["versions"]["torch"],
        "training_steps": train["steps"],
        "training_seconds": primary.training_seconds,
        "eval_seconds": {name: result["seconds"] for name, result in primary.results.items()},
        "slurm_jobs": [job for run in runs for job in jobs(run).values() if job],
        "compliance": dict(compliance),
    }


def seed_result(run: SeedRecords) -> dict[str, Any]:
    """The figures of one seed."""
    return {
        "val_loss": run.legal_ttt["loss"],
        "val_bpb": run.legal_ttt["bpb"],
        "sliding_bpb": run.sliding["bpb"],
        "roundtrip_bpb": run.sliding["roundtrip"]["bpb"],
        "train_val_bpb": run.train["train_val_bpb"],
        "artifact_bytes": run.export["bytes_weights"],
        "bytes_total": run.export["bytes_total"],
        "training_steps": run.train["steps"],
        "training_seconds": run.training_seconds,
        "eval_seconds": {name: result["seconds"] for name, result in run.results.items()},
        "slurm_jobs": jobs(run),
        "commit": run.train["commit"],
    }


def jobs(run: SeedRecords) -> dict[str, str | None]:
    """The SLURM job of each stage, null where there was none."""
    return {stage: record["slurm_job_id"] for stage, record in run.stages.items()}


def hardware(train: Mapping[str, Any]) -> str:
    """What trained: `8 x NVIDIA H100`, or `cpu, 1 thread`."""
    if train["device"] == "cpu":
        threads = train["threads"] * train["devices"]
        return f"cpu, {threads} thread{'s' * (threads > 1)}"
    return f"{train['devices']} x {train['device']}"


def check_schema(record: Mapping[str, Any], schema_path: str | Path) -> None:
    """ValueError for a record that the schema refuses: the key and what is accepted."""
    schema = json.loads(Path(schema_path).read_text())
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(record))
    if error is not None:
        key = ".".join(map(str, error.absolute_path)) or "submission.json"
        raise ValueError(f"submission.json: {key}: {error.message}")
