"""The training loop (spec/training.md): one variant under one seed, resumable at any moment."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.files import replacing, write_json
from flowgolf.model.gpt import GPT
from flowgolf.model.roundtrip import Score, roundtrip
from flowgolf.model.settings import ModelSettings
from flowgolf.progress import Progress
from flowgolf.provenance import run_record
from flowgolf.train.checkpoint import StateFolder, save_weights, stop_requests
from flowgolf.train.clipping import clip_gradients
from flowgolf.train.ema import EMA
from flowgolf.train.groups import optimizers, set_rates
from flowgolf.train.schedule import muon_momentum, rate_multiplier, rate_multiplier_in_time
from flowgolf.train.settings import TrainSettings
from flowgolf.train.speed import speed_record

COLUMNS = ["step", "tokens", "train_loss", "cfm_loss", "rate", "momentum", "grad_norm", "val_loss", "val_bpb", "seconds"]  # fmt: skip


class Trainer:
    """Everything that changes while a model trains; `state` and `restore` carry it over a kill to the bit."""

    def __init__(
        self, model_settings: ModelSettings, settings: TrainSettings, label: str, seed: int, data: Dataset
    ) -> None:
        """Build the model and its optimisers; the weights and the draws follow from `seed` alone."""
        torch.set_num_threads(settings.threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.settings, self.label, self.seed, self.data = settings, label, seed, data
        self.model = GPT(model_settings)
        self.model.init_weights(seed)
        self.model.to(self.device).train()
        self.muon, self.adamw = optimizers(self.model, settings)
        self.ema = EMA(self.model, settings.ema_decay)
        self.step = 0
        self.elapsed_seconds = 0.0
        self.rows: list[dict[str, Any]] = []
        self.micro_tokens = settings.batch_tokens // settings.micro_batches

    def state(self) -> dict[str, Any]:
        """What `restore` needs; the data position and the random draws follow from the step."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.weights,
            "muon": self.muon.state_dict(),
            "adamw": self.adamw.state_dict(),
            "step": self.step,
            "elapsed_seconds": self.elapsed_seconds,
            "rows": self.rows,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.model.load_state_dict(state["model"])
        self.ema.load(state["ema"])
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])
        self.step = state["step"]
        self.elapsed_seconds = state["elapsed_seconds"]
        self.rows = state["rows"]

    def micro_batch(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets of one micro-batch of this step, each (rows, seq_len).

        A micro-batch is `micro_tokens + 1` tokens of the endless stream; the next begins after the extra token.
        """
        position = (self.step * self.settings.micro_batches + index) * (self.micro_tokens + 1)
        span = self.data.train.read_wrapping(position, self.micro_tokens + 1)
        tokens = torch.from_numpy(span.astype("int64")).to(self.device)
        rows = (-1, self.model.settings.seq_len)
        return tokens[:-1].view(rows), tokens[1:].view(rows)

    def draws(self, index: int) -> torch.Generator:
        """The generator of a micro-batch's random draws: the same on every device count and after every resume."""
        generator = torch.Generator(self.device)
        return generator.manual_seed(((self.seed << 44) + (self.step << 12) + index) % 2**63)

    def gradient(self) -> tuple[float, float | None]:
        """Accumulate the step's gradient; returns mean cross-entropy and mean auxiliary loss (None without)."""
        losses, auxiliaries = [], []
        count = self.settings.micro_batches
        for index in range(count):
            inputs, targets = self.micro_batch(index)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                loss = self.model.training_loss(inputs, targets, self.draws(index))
            (loss.total / count).backward()
            losses.append(loss.cross_entropy.detach())
            auxiliaries.append(loss.auxiliary.detach())
        has_auxiliary = self.model.native_flow is not None
        return float(torch.stack(losses).mean()), float(torch.stack(auxiliaries).mean()) if has_auxiliary else None

    def multiplier(self) -> float:
        """The schedule's factor on every rate."""
        settings = self.settings
        if settings.max_seconds is None:
            return rate_multiplier(self.step, settings.steps, settings.warmdown_steps)
        seconds_per_step = self.elapsed_seconds / max(self.step, 1)
        return rate_multiplier_in_time(
            self.elapsed_seconds, settings.max_seconds, seconds_per_step, settings.warmdown_steps
        )

    def take_step(self) -> dict[str, Any]:
        """One optimiser step; returns its row of train.csv without validation."""
        settings, started = self.settings, time.monotonic()
        rate = self.multiplier()
        momentum = muon_momentum(
            self.step, settings.muon_momentum_start, settings.muon_momentum, settings.muon_momentum_warmup_steps
        )
        set_rates(self.muon, self.adamw, rate, momentum)
        loss, auxiliary = self.gradient()
        norm = clip_gradients(self.model.parameters(), settings.grad_clip_norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"{self.label}: not finite at step {self.step + 1}: loss {loss}, gradient norm {norm}, "
                f"rate multiplier {rate:.4g} (matrix_lr {settings.matrix_lr * rate:.4g}): lower the rates"
            )
        self.muon.step()
        self.adamw.step()
        self.model.zero_grad(set_to_none=True)
        self.ema.update(self.model)
        self.step += 1
        self.elapsed_seconds += time.monotonic() - started
        return {
            "step": self.step,
            "tokens": self.step * settings.batch_tokens,
            "train_loss": loss,
            "cfm_loss": auxiliary,
            "rate": rate,
            "momentum": momentum,
            "grad_norm": norm,
            "seconds": round(self.elapsed_seconds, 3),
        }

    def validate(self) -> Score:
        """Bits per byte of the raw weights on the validation shards, in windows that do not overlap."""
        self.model.eval()
        score = roundtrip(self.model, self.data.validation, self.data.byte_table)
        self.model.train()
        return score

    def finished(self) -> bool:
        """Whether the steps or the time are used up."""
        cap = self.settings.max_seconds
        return self.step >= self.settings.steps or (cap is not None and self.elapsed_seconds >= cap)


def train(
    model_settings: ModelSettings,
    settings: TrainSettings,
    variant: str,
    seed: int,
    data_json: str | Path,
    model_path: str | Path,
    curve_path: str | Path,
    record_path: str | Path,
    state_dir: str | Path,
) -> None:
    """Train one model and leave its averaged weights, its curve and its record (spec/training.md).

    Goes on from `state_dir` when an earlier process was stopped there. Raises ValueError for data that does not
    fit the settings, FloatingPointError for a loss that is not finite, InterruptedError after SIGTERM or SIGUSR1.
    """
    data = Dataset.open(data_json)
    check_data(model_settings, settings, data)
    trainer = Trainer(model_settings, settings, f"train {variant} seed {seed}", seed, data)
    folder = StateFolder(state_dir, identity(model_settings, settings, seed, data))
    saved = folder.load()
    if saved is not None:
        trainer.restore(saved)
    run_steps(trainer, folder)
    speed = speed_record(trainer.model, settings, trainer.step, trainer.elapsed_seconds)
    trainer.ema.copy_to(trainer.model)
    averaged = trainer.validate()
    save_weights(model_path, trainer.model)
    with replacing(curve_path) as temporary:
        pd.DataFrame(trainer.rows, columns=COLUMNS).to_csv(temporary, index=False)
    record = {
        "variant": variant,
        "seed": seed,
        "model": model_settings.model_dump(mode="json"),
        "train": settings.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "steps": trainer.step,
        "train_val_bpb": trainer.rows[-1]["val_bpb"],
        "ema_roundtrip_bpb": averaged.bpb,
        "training_shards": [shard["sha256"] for shard in data.record["train"]["shards"]],
        **speed,
        **run_record(),
    }
    write_json(record_path, record)
    folder.remove()


def run_steps(trainer: Trainer, folder: StateFolder) -> None:
    """Take the steps that are left, saving now and then and when asked to stop."""
    settings = trainer.settings
    progress = Progress(trainer.label, settings.steps, "steps")
    bpb = math.nan
    if not trainer.rows:
        score = trainer.validate()
        bpb = score.bpb
        trainer.rows.append({"step": 0, "tokens": 0, "val_loss": score.loss, "val_bpb": bpb, "seconds": 0.0})
    with stop_requests() as stop:
        while not trainer.finished():
            row = trainer.take_step()
            if trainer.step % settings.val_every == 0 or trainer.finished():
                score = trainer.validate()
                bpb = score.bpb
                row |= {"val_loss": score.loss, "val_bpb": bpb}
            trainer.rows.append(row)
            report_progress(progress, trainer, row["train_loss"], bpb, folder.folder)
            if trainer.step % settings.checkpoint_every == 0 or stop.signal:
                folder.save(trainer.state())
            if stop.signal:
                raise InterruptedError(
                    f"stopped by {stop.signal} after step {trainer.step}; the state is kept, run again to go on"
                )


def report_progress(progress: Progress, trainer: Trainer, loss: float, bpb: float, folder: Path) -> None:
    """The progress line, and the same figures as a file for whoever asks from outside."""
    rate = trainer.step * trainer.settings.batch_tokens / trainer.elapsed_seconds
    figures = {"loss": f"{loss:.3f}", "bpb": f"{bpb:.3f}", "tokens/s": f"{rate:,.0f}"}
    if progress.update(trainer.step, **figures):
        steps = trainer.settings.steps
        write_json(folder / "progress.json", {"done": trainer.step, "total": steps, "loss": loss, "bpb": bpb})


def check_data(model_settings: ModelSettings, settings: TrainSettings, data: Dataset) -> None:
    """Refuse data that the settings cannot train on, before any step."""
    micro_tokens = settings.batch_tokens // settings.micro_batches
    if micro_tokens % model_settings.seq_len:
        raise ValueError(
            f"train.batch_tokens / train.micro_batches = {micro_tokens} is not a multiple of "
            f"model.seq_len {model_settings.seq_len}"
        )
    check_vocabulary(model_settings, data)
    if len(data.train) < micro_tokens + 1:
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


def identity(model_settings: ModelSettings, settings: TrainSettings, seed: int, data: Dataset) -> dict[str, Any]:
    """What a saved state belongs to, one entry a setting."""
    blocks = {"model": model_settings.model_dump(mode="json"), "train": settings.model_dump(mode="json")}
    flat = {f"{block}.{key}": json.dumps(value) for block, keys in blocks.items() for key, value in keys.items()}
    shards = [shard["sha256"] for shard in data.record["train"]["shards"]]
    return {**flat, "seed": seed, "training shards": shards}
