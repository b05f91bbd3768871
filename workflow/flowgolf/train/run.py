"""One training to do: what a process needs to know of it, and whether its data fit."""

import json
from typing import Any

from flowgolf.data.dataset import Dataset
from flowgolf.data.sequences import ShuffledSequences
from flowgolf.model import registry
from flowgolf.model.settings import ModelSettings
from flowgolf.settings import Settings
from flowgolf.train.settings import EXECUTION, TrainSettings


class TrainingRun(Settings):
    """A variant under a seed, and the files it starts from and leaves; travels to other processes as JSON."""

    model: ModelSettings
    """The model."""
    train: TrainSettings
    """How it is trained."""
    variant: str
    """Name in the study."""
    seed: int
    """Seed of weights and draws."""
    data_json: str
    """The data record."""
    model_path: str
    """Averaged weights to leave."""
    curve_path: str
    """Curve to leave."""
    record_path: str
    """Record to leave."""
    state_dir: str
    """What a killed run resumes from."""
    grid: dict[str, Any] | None = None
    """What the export's grid follows from, as plain values, where the training rounds."""

    @property
    def label(self) -> str:
        """The run in messages."""
        return f"train {self.variant} seed {self.seed}"

    def identity(self, data: Dataset) -> dict[str, Any]:
        """What a saved state belongs to, one entry a setting; how it is computed (EXECUTION) is left out."""
        blocks = {"model": self.model.model_dump(mode="json"), "train": self.train.model_dump(mode="json")}
        blocks |= {"grid": self.grid} if self.grid else {}
        flat = {f"{block}.{key}": json.dumps(value) for block, keys in blocks.items() for key, value in keys.items()}
        shards = [shard["sha256"] for shard in data.record["train"]["shards"]]
        kept = {key: value for key, value in flat.items() if key not in {f"train.{name}" for name in EXECUTION}}
        return {**kept, "seed": self.seed, "training shards": shards}


def check_data(model_settings: ModelSettings, settings: TrainSettings, data: Dataset) -> None:
    """Refuse data that the settings cannot train on, before any step."""
    micro_tokens = settings.batch_tokens // settings.micro_batches
    if micro_tokens % model_settings.seq_len:
        raise ValueError(
            f"train.batch_tokens / train.micro_batches = {micro_tokens} is not a multiple of "
            f"model.seq_len {model_settings.seq_len}"
        )
    rows, passes = micro_tokens // model_settings.seq_len, settings.passes_per_micro_batch
    if rows % passes:
        raise ValueError(f"train.passes_per_micro_batch: {passes} does not divide the {rows} rows of a micro-batch")
    check_vocabulary(model_settings, data)
    check_documents(model_settings, data)
    if settings.order == "shuffled":
        ShuffledSequences(data.train, model_settings.seq_len, seed=0)
    elif len(data.train) < micro_tokens + 1:
        raise ValueError(
            f"the training shards hold {len(data.train)} tokens, fewer than one micro-batch of {micro_tokens + 1}"
        )
    if len(data.validation) <= model_settings.seq_len:
        raise ValueError(
            f"the validation shards hold {len(data.validation)} tokens, fewer than one window of "
            f"{model_settings.seq_len} and its last target"
        )


def check_vocabulary(model_settings: ModelSettings, data: Dataset) -> None:
    """Refuse a model for another tokenizer."""
    if data.vocab_size != model_settings.vocab_size:
        raise ValueError(
            f"the tokenizer has {data.vocab_size} pieces and model.vocab_size is {model_settings.vocab_size}: "
            "set both to the same number"
        )


def check_documents(model_settings: ModelSettings, data: Dataset) -> None:
    """Refuse parts that keep documents apart by another token than the one that the tokenizer begins them with."""
    apart = {
        "document_masks": model_settings.document_masks,
        "gated_smear": "gated_smear" in registry.switched_on(model_settings),
        "smear_across_documents: false": not model_settings.smear_across_documents,
    }
    asking = [key for key, on in apart.items() if on]
    if asking and data.bos_id != model_settings.bos_id:
        raise ValueError(
            f"model.bos_id is {model_settings.bos_id}, but the tokenizer begins a document with {data.bos_id}: "
            f"{asking[0]} would not find the documents"
        )
