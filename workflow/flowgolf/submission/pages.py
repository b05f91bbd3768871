"""What people read of a submission: its README, and a log for every seed."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from flowgolf.submission.seeds import SeedRecords

README = """# {name}

{blurb}

{author} ({github_id}), {date}, track {track}; variant `{variant}`.

**val_bpb {val_bpb:.5f}** after legal test-time training: mean of {count} seed{s}{spread}.

{results}

- Artifact `artifact.bin` (seed {primary_seed}): {artifact_bytes:,} bytes, and {bytes_code:,} bytes of code: \
{bytes_total:,} of {cap_bytes:,}.
- Trained on {hardware} with PyTorch {pytorch_version}: {training_steps} steps in {training_seconds:.0f} s; \
evaluated in {eval_seconds[sliding]:.0f} s (sliding window) and {eval_seconds[legal_ttt]:.0f} s (legal TTT).

## Run it

With torch, numpy, sentencepiece and zstandard, in this folder; FOLDER holds the shards and the SentencePiece model:

```sh
python train_gpt.py evaluate --data FOLDER
python train_gpt.py train --data FOLDER --seed {primary_seed}
```

`evaluate` prints roundtrip, sliding-window and legal TTT scores of `artifact.bin`, each with its ledger's proof; no
option changes what is scored, in which order, or what is trained on. On the kind of processor and with the number of
threads of the original run, all digits are the same.

## Rules

What the checks of seed {primary_seed} saw; every seed passed all of them.

{rules}
"""


def readme(record: Mapping[str, Any], primary: SeedRecords) -> str:
    """README.md of a submission with this submission.json."""
    spread = "" if record["val_bpb_std"] is None else f", sample standard deviation {record['val_bpb_std']:.5f}"
    rows = [
        [
            seed,
            *(f"{result[key]:.5f}" for key in ("roundtrip_bpb", "sliding_bpb", "val_bpb")),
            f"{result['bytes_total']:,}",
        ]
        for seed, result in record["seed_results"].items()
    ]
    count = len(rows)
    rules = [
        [check["rule"], check["name"], name.replace("_", " "), check["evidence"]]
        for name, book in primary.checks.items()
        for check in book["checks"]
    ]
    headers = ["seed", "roundtrip bpb", "sliding bpb", "legal TTT bpb", "bytes"]
    return README.format(
        **record,
        count=count,
        s="s" * (count > 1),
        spread=spread,
        results=tabulate(rows, headers, tablefmt="github", disable_numparse=True),
        rules=tabulate(rules, ["rule", "name", "evaluation", "evidence"], tablefmt="github", disable_numparse=True),
    )


def log(run: SeedRecords, train_csv: str | Path, legal_ttt_csv: str | Path) -> str:
    """The log of one seed, from its records and curves: a line a step, an export attempt and a chunk."""
    return "".join(f"{line}\n" for line in log_lines(run, train_csv, legal_ttt_csv))


def log_lines(run: SeedRecords, train_csv: str | Path, legal_ttt_csv: str | Path) -> Iterator[str]:
    """Lines of the log."""
    train, export = run.train, run.export
    yield f"train {train['variant']} seed:{run.seed} parameters:{train['parameters']} {provenance(train)}"
    for key in ("model", "train"):
        yield f"{key} {train[key]}"
    yield from rows(train_csv, "train")
    for attempt in export["attempts"]:
        yield pairs("export", attempt)
    sizes = ("bytes_weights", "bytes_code", "bytes_total", "cap_bytes", "int5_layers", "artifact_sha256")
    yield f"{pairs('export', {key: export[key] for key in sizes})} {provenance(export)}"
    yield pairs("roundtrip", run.sliding["roundtrip"])
    yield from rows(legal_ttt_csv, "legal_ttt")
    for name, result in run.results.items():
        figures = ("nats", "tokens", "bytes", "loss", "bpb", "seconds", "artifact_sha256")
        yield f"{pairs(name, {key: result[key] for key in figures} | result['ledger'])} {provenance(result)}"


def rows(path: str | Path, label: str) -> Iterator[str]:
    """The rows of a CSV, a line each."""
    with Path(path).open(newline="") as file:
        for row in csv.DictReader(file):
            yield pairs(label, {key: value for key, value in row.items() if value != ""})


def pairs(label: str, figures: Mapping[str, Any]) -> str:
    """`label key:value key:value`."""
    return " ".join([label, *(f"{key}:{value}".replace(" ", "") for key, value in figures.items())])


def provenance(record: Mapping[str, Any]) -> str:
    """Where and when a record was made."""
    return pairs("", {key: record[key] for key in ("commit", "host", "slurm_job_id", "written_at")}).strip()
