"""Record folders made up for the tests: sound ones in three forms of log, to be spoilt one thing at a time."""

import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowgolf.audit.finding import Finding
from flowgolf.audit.verdict import Audit, audit

SEEDS = (7, 11, 13)
BPB = {7: 1.10010203, 11: 1.10130405, 13: 1.10070809}
TOKENS, BYTES = 40_540_160, 151_080_000
CODE_BYTES, MODEL_BYTES, CAP = 20_000, 15_900_000, 16_000_000
STEPS, BATCH = 5_000, 786_432


def nats(bpb: float) -> float:
    """Nats per token of bits per byte on the challenge's validation text."""
    return bpb * math.log(2) * BYTES / TOKENS


def pair(bpb: float, sign: str = ":") -> str:
    """`val_loss:... val_bpb:...` with eight digits."""
    return f"val_loss{sign}{nats(bpb):.8f} val_bpb{sign}{bpb:.8f}"


def colon_log(seed: int, bpb: float) -> str:
    """The form of March: `step:5000/20000 val_loss:...`, rounded and `_exact` lines."""
    warmup = "".join(f"warmup_step:{step}/3\n" for step in range(1, 4))
    return f"""logs/0a1b2c3d-0000-4000-8000-{seed:012d}.txt
val_loader:shards pattern=./data/fineweb10B_sp8192/fineweb_val_*.bin tokens:{TOKENS}
train_loader:dataset:fineweb10B_sp8192 train_shards:80
model_params:26928220
world_size:8 grad_accum_steps:1
train_batch_tokens:{BATCH} train_seq_len:2048 iterations:20000 warmup_steps:3 max_wallclock_seconds:600.000
seed:{seed}
{warmup}step:0/20000 val_loss:9.0090 val_bpb:{9.009 / nats(1):.4f} train_time:0ms step_avg:0.01ms
step:1/20000 train_loss:9.0111 train_time:119ms step_avg:119.00ms
step:{STEPS}/20000 val_loss:{nats(bpb + 0.01):.4f} val_bpb:{bpb + 0.01:.4f} train_time:599812ms step_avg:119.96ms
stopping_early: wallclock_cap train_time:599812ms step:{STEPS}/20000
Serialized model: 106027446 bytes
Code size: {CODE_BYTES} bytes
Total submission size: {106027446 + CODE_BYTES} bytes
Serialized model int6+zstd: {MODEL_BYTES + seed} bytes
Total submission size int6+zstd: {MODEL_BYTES + seed + CODE_BYTES} bytes
final_int6_roundtrip val_loss:{nats(bpb + 0.02):.4f} val_bpb:{bpb + 0.02:.4f} eval_time:20430ms
final_int6_roundtrip_exact {pair(bpb + 0.02)}
final_int6_sliding_window val_loss:{nats(bpb):.4f} val_bpb:{bpb:.4f} stride:64 eval_time:97749ms
final_int6_sliding_window_exact {pair(bpb)}
"""


def block_log(seed: int, bpb: float) -> str:
    """The form of April: a block of settings, `5000/20000 val_loss: ...`, minutes, calibration."""
    return f"""Hyperparameters:
  eval_seq_len: 2048
  eval_stride: 64
  iterations: 20000
  logfile: logs/run_s{seed}.txt
  matrix_lr: 0.022
  run_id: run_s{seed}
  seed: {seed}
  slot_enabled: False
  train_batch_tokens: {BATCH}
  train_files: ./data/fineweb10B_sp8192/fineweb_train_*.bin
  val_files: ./data/fineweb10B_sp8192/fineweb_val_*.bin
  world_size: 8
train_shards: 128
val_tokens: {TOKENS}
model_params:35944536
warmup_step: 1/20
0/20000 val_loss: 9.0090 val_bpb: {9.009 / nats(1):.4f}
1/20000 train_loss: 9.0111 train_time: 0.0m tok/s: 8348323
{STEPS}/20000 val_loss: {nats(bpb + 0.01):.4f} val_bpb: {bpb + 0.01:.4f}
stopping_early: wallclock_cap train_time: 588047ms step: {STEPS}/20000
pre-quantization post-ema {pair(bpb + 0.005)} eval_time:7440ms
Serialized model: 135431033 bytes
Code size: {CODE_BYTES} bytes
GPTQ:collected 67 Hessians in 9.7s
Serialized model quantized+brotli: {MODEL_BYTES + seed} bytes
Total submission size quantized+brotli: {MODEL_BYTES + seed + CODE_BYTES} bytes
quantized {pair(bpb + 0.02)} eval_time:25515ms
quantized_sliding_window {pair(bpb)} eval_time:120961ms
"""


def own_log(seed: int, bpb: float) -> str:
    """The form of this project's own submissions."""
    figures = f"nats:{nats(bpb) * TOKENS} tokens:{TOKENS} bytes:{BYTES} loss:{nats(bpb)} bpb:{bpb}"
    ledger = f"most_times_scored:1 positions:{TOKENS} positions_scored:{TOKENS}"
    sizes = f"bytes_weights:{MODEL_BYTES + seed} bytes_code:{CODE_BYTES} bytes_total:{MODEL_BYTES + seed + CODE_BYTES}"
    return f"""train nfm seed:{seed} parameters:27530952 commit:abc host:node slurm_job_id:7{seed}
model {{'dim': 512, 'bigram': {{'buckets': 4096, 'dim': 128}}, 'seq_len': 2048}}
train {{'batch_tokens': {BATCH}, 'devices': 8, 'steps': {STEPS}, 'max_seconds': 600.0}}
train step:0 tokens:0 val_loss:9.009 val_bpb:{9.009 / nats(1)} seconds:0.0
train step:{STEPS} tokens:{STEPS * BATCH} val_loss:{nats(bpb + 0.01)} val_bpb:{bpb + 0.01} seconds:590.5
export bytes_weights:{MODEL_BYTES + seed} fits:True int5_layers:[] level:16
export {sizes} cap_bytes:16000000 int5_layers:[] artifact_sha256:6a97 commit:abc host:node
roundtrip bpb:{bpb + 0.02} bytes:{BYTES} loss:{nats(bpb + 0.02)} nats:{nats(bpb + 0.02) * TOKENS} tokens:{TOKENS}
legal_ttt chunk:0 positions:32768 running_bpb:1.2 chunk_bpb:1.2 rate:0.03 seconds:0.07
sliding {figures} seconds:81.5 artifact_sha256:6a97 least_distance_to_frontier:None {ledger}
legal_ttt {figures} seconds:350.5 artifact_sha256:6a97 least_distance_to_frontier:1 {ledger}
"""


FORMS: dict[str, Callable[[int, float], str]] = {"colon": colon_log, "block": block_log, "own": own_log}


class Record:
    """A record folder with a submission.json that its logs bear out."""

    def __init__(self, folder: Path, form: str = "colon") -> None:
        self.folder = folder
        self.extra: set[str] = set()
        """Files that a test wrote by itself."""
        folder.mkdir(parents=True)
        self.logs = {seed: FORMS[form](seed, BPB[seed]) for seed in SEEDS}
        self.claims: dict[str, Any] = {
            "author": "A. Author",
            "track": "10min_16mb",
            "val_bpb": round(statistics.fmean(BPB.values()), 8),
            "val_bpb_std": round(statistics.stdev(BPB.values()), 8),
            "val_loss": round(statistics.fmean(map(nats, BPB.values())), 8),
            "bytes_total": MODEL_BYTES + max(SEEDS) + CODE_BYTES,
            "bytes_code": CODE_BYTES,
            "seeds": list(SEEDS),
            "seed_results": {str(seed): self.result(seed) for seed in SEEDS},
        }
        self.write("README.md", "# A record\n")
        self.write("train_gpt.py", "#" * CODE_BYTES)

    @staticmethod
    def result(seed: int) -> dict[str, Any]:
        """What is claimed of a seed."""
        return {
            "val_bpb": round(BPB[seed], 6),
            "val_loss": round(nats(BPB[seed]), 6),
            "artifact_bytes": MODEL_BYTES + seed + CODE_BYTES,
            "steps": STEPS,
        }

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the folder."""
        self.extra.add(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def edit(self, seed: int, old: str, new: str) -> None:
        """Change a text in the log of a seed, which must have it."""
        assert old in self.logs[seed], old
        self.logs[seed] = self.logs[seed].replace(old, new)

    def edit_all(self, old: str, new: str) -> None:
        """Change a text in every log."""
        for seed in self.logs:
            self.edit(seed, old, new)

    def save(self) -> Path:
        """Write submission.json and the logs, in the place of those of before."""
        for path in self.folder.glob("train_seed*.log"):
            if path.name not in self.extra:
                path.unlink()
        self.write("submission.json", json.dumps(self.claims, indent=1))
        for seed, text in self.logs.items():
            (self.folder / f"train_seed{seed}.log").write_text(text)
        return self.folder

    def audit(self) -> Audit:
        """Save and audit."""
        return audit(self.save())

    def found(self, severity: str, kind: str) -> list[Finding]:
        """Findings of a severity and a kind."""
        return [each for each in self.audit().findings if (each.severity, each.kind) == (severity, kind)]

    def one(self, severity: str, kind: str) -> Finding:
        """The only finding of a severity and a kind."""
        found = self.found(severity, kind)
        assert len(found) == 1, [(each.severity, each.kind, each.text) for each in self.audit().findings]
        return found[0]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A sound record in the form of March."""
    return Record(tmp_path / "record")


@pytest.fixture(params=FORMS)
def record_of_each_form(request: pytest.FixtureRequest, tmp_path: Path) -> Record:
    """A sound record in each form."""
    return Record(tmp_path / "record", request.param)


@pytest.fixture
def block_record(tmp_path: Path) -> Record:
    """A sound record in the form of April."""
    return Record(tmp_path / "record", "block")


@pytest.fixture
def own_record(tmp_path: Path) -> Record:
    """A sound submission of this project."""
    return Record(tmp_path / "record", "own")
