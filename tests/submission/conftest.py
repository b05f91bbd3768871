"""The generated file as a module, and records of a variant's runs to submit."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from flowgolf.data.dataset import combined
from flowgolf.files import sha256
from flowgolf.study.settings import RunSettings
from flowgolf.study.study import Study
from flowgolf.submission.one_file import bundle
from flowgolf.submission.seeds import FLAGS
from repository import ROOT

SEEDS = (42, 1337, 2025)


def embedded(settings: RunSettings) -> dict[str, Any]:
    """Settings as the generated file carries them."""
    return {"variant": "nfm", "seed": 42, **settings.model_dump()}


@pytest.fixture(scope="session")
def nfm() -> RunSettings:
    """Settings of the quick study's nfm."""
    return Study(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())).variants["nfm"]


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory, nfm: RunSettings) -> ModuleType:
    """The generated train_gpt.py, imported."""
    path = tmp_path_factory.mktemp("generated") / "train_gpt.py"
    path.write_text(bundle.train_gpt(embedded(nfm)))
    spec = importlib.util.spec_from_file_location("generated_train_gpt", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Submittable:
    """Records of three seeds in a folder, as the stages leave them, and the arguments that submit them."""

    def __init__(self, folder: Path, settings: RunSettings) -> None:
        self.folder, self.settings, self.seeds = folder, settings, SEEDS
        self.records = [self.write_seed(seed) for seed in SEEDS]

    def write_seed(self, seed: int) -> dict[str, str]:
        """Everything that one run leaves; its paths."""
        folder = self.folder / f"seed{seed}"
        folder.mkdir()
        (folder / "artifact.bin").write_bytes(b"weights %04d" % seed)
        artifact = sha256(folder / "artifact.bin")
        made = {
            "commit": "abc",
            "host": "node",
            "written_at": f"2026-01-0{1 + seed % 3}T00:00:00",
            "slurm_job_id": None,
        }
        bpb = 1.15 + seed / 1e5
        nats = bpb * math.log(2) * 25
        figures = {"nats": nats, "tokens": 10, "bytes": 25, "loss": nats / 10, "bpb": nats / math.log(2) / 25}
        figures |= {"seconds": 4.0}
        checks = [{"rule": rule, "name": name, "evidence": f"seen {rule}"} for rule, name in FLAGS.items()]
        scored = {
            **figures,
            **made,
            "artifact_sha256": artifact,
            "partial": False,
            "data": {"tokenizer": "3", "train": combined(["1", "2"]), "validation": combined(["4"])},
            "repeats": {"documents": 0, "tolerated": 0},
            "resumed_at": [],
            "settings": {},
            "ledger": {"steps": 3},
            "replay": {
                "rounds": 2, "positions": 2, "largest_difference": 1e-7, "mean_difference": 1e-8, "tolerance": 1e-4,
            },
            "weights": {"links": 1},
        }  # fmt: skip
        code_bytes = bundle.size_bytes(self.settings.model_dump(), in_wrapper=True)
        book = {"artifact_sha256": artifact, "checks": checks}
        adapted = [["score", 0, 6, 0], ["update", 0, 6, 3], ["score", 6, 10, 0]]
        return {
            key: str(self.write(folder / name, content))
            for key, name, content in [
                ("train", "run.json", {
                    "variant": "nfm", "seed": seed, "parameters": 9, "steps": 7, "train_val_bpb": 1.3,
                    "training_shards": ["1", "2"], "model": {"vocab_size": 1024, "dim": 64}, "train": {"devices": 8},
                    "tensors": {"w": {"shape": "1024 x 64"}}, "elapsed_seconds": 60.0,
                    "versions": {"torch": "2.13"},
                    "device": "NVIDIA H100", "devices": 8, "threads": 1, **made, "slurm_job_id": "77",
                }),
                ("export", "export.json", {
                    "bytes_weights": 12, "bytes_code": code_bytes, "bytes_total": 12 + code_bytes,
                    "cap_bytes": 16_000_000, "artifact_sha256": artifact, "plan": {"0": 5, "1": 6},
                    "int5_layers": [0], "settings": {},
                    "attempts": [{"int5_layers": [0], "bytes_weights": 12, "fits": True}], **made,
                }),
                ("sliding", "sliding.json", {**scored, "roundtrip": figures}),
                ("sliding_checks", "sliding_checks.json", {**book, "events": [["score", 0, 10, 0]]}),
                ("legal_ttt", "legal_ttt.json", {**scored, "weights": {"links": 2}}),
                ("legal_ttt_checks", "legal_ttt_checks.json", {**book, "events": adapted}),
                ("train_csv", "train.csv", "step,train_loss,val_bpb\n0,,3.5\n1,6.9,\n"),
                ("legal_ttt_csv", "legal_ttt.csv", "chunk,running_bpb\n0,1.25\n"),
            ]
        }  # fmt: skip

    def write(self, path: Path, content: dict[str, Any] | str) -> Path:
        """Write JSON or text."""
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def change(self, seed: int, kind: str, **changes: Any) -> None:
        """Change keys of a record."""
        path = Path(self.records[SEEDS.index(seed)][kind])
        self.write(path, json.loads(path.read_text()) | changes)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of submission_folder."""
        return {
            "variant": "nfm", "settings": self.settings, "records": self.records, "seeds": SEEDS, "primary_seed": 1337,
            "about": {"author": "A. Author", "github_id": "a", "name": "Flow", "blurb": "Text.", "track": "10min_16mb"},
            "limits": {"train_seconds": 600, "evaluate_seconds": 600, "devices": 8, "device_name": "H100"},
            "artifact_path": self.folder / "seed1337" / "artifact.bin",
            "schema_path": ROOT / "resources" / "submission.schema.json", "folder": self.folder / "submission",
        }  # fmt: skip


@pytest.fixture
def submittable(tmp_path: Path, nfm: RunSettings) -> Submittable:
    """A variant that can be submitted."""
    return Submittable(tmp_path, nfm)
