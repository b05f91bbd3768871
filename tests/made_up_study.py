"""Records of made-up studies on disk, as the stages of the pipeline leave them."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

STAGES = ("train", "export", "sliding", "legal_ttt")
SEEDS = [42, 1337, 2025]
SHA256 = "0123456789abcdef"
DATA = {"tokenizer": "c" * 64, "train": "a" * 64, "validation": "b" * 64}
BASE_BPB = {42: 2.110, 1337: 2.114, 2025: 2.108}


class StudyFolder:
    """A study of variants `base`, `nfm` and as many sweep points as asked for, in a folder."""

    def __init__(self, folder: Path, num_points: int = 2) -> None:
        self.folder = folder
        values = [round(0.05 * (index + 1), 2) for index in range(num_points)]
        points = [f"nfm-loss_weight={value}" for value in values]
        self.variants = {"base": SEEDS, "nfm": SEEDS, **dict.fromkeys(points, [42])}
        sweep = {
            "of": "nfm", "key": "model.flow_matcher.loss_weight", "values": values, "seeds": [42], "variants": points,
        }  # fmt: skip
        self.manifest: dict[str, Any] = {
            "study": "made_up", "question": "Does it?", "seeds": SEEDS, "reference": "base",
            "two_by_two": ["base", "nfm"], "variants": dict.fromkeys(self.variants, {}),
            "sweeps": {"loss_weight": sweep} if points else {},
            "runs": [self.run(variant, seed) for variant, seeds in self.variants.items() for seed in seeds],
        }  # fmt: skip

    @property
    def manifest_path(self) -> Path:
        """runs.json, written anew at every call."""
        return self.write("runs.json", self.manifest)

    def run(self, variant: str, seed: int) -> dict[str, Any]:
        """A manifest entry."""
        folder = self.folder / "runs" / variant / f"seed{seed}"
        names = {"train": "run.json", "export": "export.json", "sliding": "sliding.json", "legal_ttt": "legal_ttt.json"}
        return {
            "variant": variant, "seed": seed,
            **{stage: str(folder / stage / name) for stage, name in names.items()},
            "train_csv": str(folder / "train" / "train.csv"), "legal_ttt_csv": str(folder / "legal_ttt/legal_ttt.csv"),
            "failed": {stage: str(self.folder / "failed" / stage / variant / f"seed{seed}.json") for stage in STAGES},
            "state": {"train": str(self.folder / "state" / "train" / variant / f"seed{seed}")},
        }  # fmt: skip

    def entry(self, variant: str, seed: int) -> dict[str, Any]:
        """The manifest entry of a run."""
        return next(run for run in self.manifest["runs"] if (run["variant"], run["seed"]) == (variant, seed))

    def write(self, path: str | Path, record: Mapping[str, Any]) -> Path:
        """Write a JSON record below the folder."""
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        return path

    def change(self, variant: str, seed: int, stage: str, **changes: Any) -> None:
        """Change keys of a record that exists."""
        path = Path(self.entry(variant, seed)[stage])
        self.write(path, json.loads(path.read_text()) | changes)

    def change_all(self, stage: str, **changes: Any) -> None:
        """Change keys of this stage's records of all runs."""
        for run in self.manifest["runs"]:
            self.change(run["variant"], run["seed"], stage, **changes)

    def remove(self, variant: str, seed: int, *stages: str) -> None:
        """Take a run's records of these stages away."""
        for stage in stages:
            Path(self.entry(variant, seed)[stage]).unlink()

    def complete(self) -> "StudyFolder":
        """Write the records of all runs."""
        for index, variant in enumerate(self.variants):
            for seed in self.variants[variant]:
                self.write_run(variant, seed, index)
        return self

    def write_run(self, variant: str, seed: int, index: int) -> None:
        """All records of one run; bpb grows from variant to variant, TTT takes about 0.05 off."""
        run, bpb = self.entry(variant, seed), BASE_BPB[seed] + 0.002 * index + 0.002 * np.sin(7 * index + seed)
        made = {"commit": "abc123", "host": "node", "slurm_job_id": None, "device": "cpu", "written_at": "2026-01-02"}
        self.write(run["train"], {
            "variant": variant, "seed": seed, "parameters": 700_000 + 5_000 * index, "steps": 250,
            "train_val_bpb": bpb + 0.02, "ema_roundtrip_bpb": bpb + 0.01, "elapsed_seconds": 60.0,
            "tensors": trained_tensors(index), "model": {"dim": 128, "points": index}, "train": {"steps": 250}, **made,
        })  # fmt: skip
        self.write(run["export"], export_record(index, seed) | made)
        score = {"nats": 1.0, "bytes": 10, "tokens": 5, "loss": 0.2, "partial": False, "seconds": 3.0, **made}
        score |= {"data": DATA, "tries": 1, "repeats": {"documents": 0, "tolerated": 0}, "artifact_sha256": SHA256}
        settings = {"settings": {"seq_len": 256, "stride": 64}}
        self.write(run["sliding"], {"bpb": bpb, "roundtrip": {"bpb": bpb + 0.015}, **score, **settings})
        self.write(run["legal_ttt"], {"bpb": bpb - 0.05 - (seed % 5) * 1e-4, **score, **settings})
        for stage in ("sliding", "legal_ttt"):
            checks = [{"rule": rule, "name": f"check {rule}", "evidence": f"seen < {rule}"} for rule in (1, 2, 4)]
            record = {"artifact_sha256": SHA256, "checks": checks, "evaluation": stage}
            self.write(Path(run[stage]).with_name("checks.json"), record)
        write_curves(run, bpb)


def trained_tensors(index: int) -> dict[str, Any]:
    """The tensors of a training's record; every arm but the first has a flow matcher, each of another size."""

    def facts(label: str, elements: int, group: str, storage: str) -> dict[str, Any]:
        optimizer = "muon" if group == "matrices" else "adamw"
        return {"label": label, "elements": elements, "group": group, "storage": storage, "optimizer": optimizer}

    tensors = {
        "blocks.0.attn.c_q.weight": facts("attention", 300_000, "matrices", "block"),
        "blocks.1.attn.c_q.weight": facts("attention", 300_000, "matrices", "block"),
        "blocks.0.attn.q_gain": facts("attention", 8, "rest", "control"),
        "tok_emb.weight": facts("token embedding", 90_000, "embeddings", "int8"),
    }
    return tensors | ({"flow_matcher.w1": facts("flow matcher", 5_000 * index, "rest", "int8")} if index else {})


def export_record(index: int, seed: int) -> dict[str, Any]:
    """An export record as the export stage writes it; the tensors' bytes add up to those of the weights."""
    kinds = ("int6", "int6", "int8", "int8", "float16")
    names = ("blocks.0.attn.c_q.weight", "blocks.0.mlp.fc.weight", "tok_emb.weight", "flow_matcher.w1", "blocks.0.gate")
    sizes = np.array([150_000, 220_000, 90_000, 30_000 + 4_000 * index, 5_000 + seed % 100])
    labels = ("attention", "MLP", "token embedding", "flow matcher", "attention")
    rows = zip(names, labels, kinds, sizes, strict=True)
    tensors = [{"name": name, "label": label, "kind": kind, "bytes": int(size)} for name, label, kind, size in rows]
    weights, code, cap = int(sizes.sum()) + 300, 115_032, 660_000
    return {
        "bytes_weights": weights, "bytes_code": code, "bytes_total": weights + code, "cap_bytes": cap,
        "headroom_bytes": cap - weights - code, "codec": "zstd", "level": 16, "int5_layers": [2],
        "plan": {"0": 6, "1": 6, "2": 5, "3": 6}, "settings": {"clip": "max"},
        "entropy_bound_bytes": weights - 4_000, "bits_per_parameter": 5.4, "tensors": tensors,
    }  # fmt: skip


def write_curves(run: Mapping[str, Any], bpb: float) -> None:
    """train.csv with validations at every fiftieth step, and legal_ttt.csv."""
    with open(run["train_csv"], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "tokens", "train_loss", "val_loss", "val_bpb", "seconds"])
        for step in range(251):
            fall = np.exp(-step / 60)
            val = f"{bpb + 0.02 + 2 * fall:.6f}" if step % 50 == 0 else ""
            writer.writerow([step, step * 4096, "" if step == 0 else 3.2 + 3 * fall, "", val, step * 0.3])
    with open(run["legal_ttt_csv"], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["chunk", "positions", "running_bpb", "chunk_bpb", "rate", "seconds"])
        for chunk in range(40):
            wave = 0.05 * np.sin(chunk / 3) / (1 + chunk / 5)
            writer.writerow([chunk, 1024, bpb - 0.05 * chunk / 40 + wave, bpb, 0.002, 1.0])
