"""What people read of a submission: its README, and a log for every seed."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from flowgolf.model.registry import kept_in_files
from flowgolf.running import lines
from flowgolf.submission.challenge import reasons
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
SEED={primary_seed} DATA_PATH=FOLDER torchrun --standalone --nproc_per_node={devices} train_gpt.py
python train_gpt.py evaluate --data FOLDER
```

The first trains, exports, evaluates and prints the log, as `train_seed<seed>.log` has it (the times, and what stands on
the lines `made`, are of the run that they were made in).

`evaluate` prints roundtrip, sliding-window and legal TTT scores of `artifact.bin`, each with its ledger's proof; no
option changes what is scored, in which order, or what is trained on. On the kind of processor and with the number of
threads of the original run, all digits are the same.

## Compliance

{claims}

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
    claims = [[key, "yes" if record["compliance"][key] else "no", because] for key, because in reasons().items()]
    headers = ["seed", "roundtrip bpb", "sliding bpb", "legal TTT bpb", "bytes"]
    return README.format(
        **record,
        count=count,
        devices=primary.train["devices"],
        claims=tabulate(claims, ["key", "holds", "because"], tablefmt="github", disable_numparse=True),
        s="s" * (count > 1),
        spread=spread,
        results=tabulate(rows, headers, tablefmt="github", disable_numparse=True),
        rules=tabulate(rules, ["rule", "name", "evaluation", "evidence"], tablefmt="github", disable_numparse=True),
    )


def log(run: SeedRecords, train_csv: str | Path, legal_ttt_csv: str | Path) -> str:
    """The log of one seed: what train_gpt.py prints, from the records and curves of the same statements."""
    return "".join(f"{line}\n" for line in log_lines(run, train_csv, legal_ttt_csv))


def log_lines(run: SeedRecords, train_csv: str | Path, legal_ttt_csv: str | Path) -> Iterator[str]:
    """Lines of the log, in the order in which train_gpt.py prints them."""
    train, export = run.train, run.export
    evaluating = {name: result["settings"] for name, result in run.results.items()}
    model = kept_in_files(train["model"])  # train_gpt.py knows no part that its arm does not have
    blocks = {"model": model, "train": train["train"], "export": export["settings"], "evaluate": evaluating}
    yield from lines.head(train["variant"], run.seed, blocks)
    yield from rows(train_csv, "train")
    yield from lines.trained(train)
    yield from lines.exported(export)
    yield lines.scored("roundtrip", run.sliding["roundtrip"])
    yield lines.scored("sliding", run.sliding)
    yield lines.made("sliding", run.sliding)
    yield from rows(legal_ttt_csv, "legal_ttt")
    yield lines.scored("legal_ttt", run.legal_ttt)
    yield lines.made("legal_ttt", run.legal_ttt)


def rows(path: str | Path, label: str) -> Iterator[str]:
    """The rows of a CSV, a line each."""
    with Path(path).open(newline="") as file:
        for row in csv.DictReader(file):
            yield lines.pairs(label, row)
