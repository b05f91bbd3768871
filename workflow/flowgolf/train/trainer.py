"""What changes while a model trains, and one optimiser step of it (docs/spec/training.md, T1 to T12, T20 to T22)."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch

from flowgolf.data.dataset import Dataset
from flowgolf.data.sequences import ShuffledSequences
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.roundtrip import roundtrip
from flowgolf.scoring.score import Score
from flowgolf.train.clipping import clip_gradients
from flowgolf.train.distributed import Ranks
from flowgolf.train.ema import EMA
from flowgolf.train.groups import optimizers, set_rates
from flowgolf.train.schedule import rate_in_share, rate_multiplier, rate_multiplier_in_time
from flowgolf.train.settings import TrainSettings

FIXED_DATA_SEED = 0
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # CUDA's and the CPU allocator's words


class Trainer:
    """Everything that changes while a model trains; `state` and `restore` carry it over a kill to the bit."""

    def __init__(
        self,
        model_settings: ModelSettings,
        settings: TrainSettings,
        label: str,
        seed: int,
        data: Dataset,
        ranks: Ranks | None = None,
    ) -> None:
        """Build the model and its optimisers; the weights and the draws follow from `seed` alone."""
        torch.set_num_threads(settings.threads)
        self.ranks = ranks or Ranks()
        self.device = torch.device("cuda", self.ranks.rank) if torch.cuda.is_available() else torch.device("cpu")
        if self.on_gpu:
            torch.cuda.set_device(self.device)
            torch.set_float32_matmul_precision("high")  # TF32 where autocast leaves float32
        self.settings, self.label, self.seed, self.data = settings, label, seed, data
        self.model = GPT(model_settings)
        self.model.init_weights(seed)
        self.model.to(self.device).train()
        self.model.rotary(model_settings.seq_len, self.device)  # the tables exist before anything is compiled
        self.compiled = self.on_gpu if settings.compile is None else settings.compile
        self.training_loss = torch.compile(self.model.training_loss) if self.compiled else self.model.training_loss
        self.optimizers = optimizers(self.model, settings, self.ranks.spread)
        self.ema = EMA(self.model, settings.ema_decay)
        self.train_shards = data.train
        self.sequences: ShuffledSequences | None = None
        if settings.order == "shuffled":
            data_seed = seed if settings.data_seed == "run" else FIXED_DATA_SEED
            self.sequences = ShuffledSequences(self.train_shards, model_settings.seq_len, data_seed)
        self.step = 0
        self.elapsed_seconds = 0.0
        self.rows: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.micro_tokens = settings.batch_tokens // settings.micro_batches

    @property
    def on_gpu(self) -> bool:
        """Whether the model lives on a GPU."""
        return self.device.type == "cuda"

    def state(self) -> dict[str, Any]:
        """What `restore` needs; the data position and the random draws follow from the step."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.weights,
            "optimizers": {name: each.state_dict() for name, each in self.optimizers.items()},
            "step": self.step,
            "elapsed_seconds": self.elapsed_seconds,
            "rows": self.rows,
            "sessions": self.sessions,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.model.load_state_dict(state["model"])
        self.ema.load(state["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]
        self.elapsed_seconds = state["elapsed_seconds"]
        self.rows = state["rows"]
        self.sessions = state["sessions"]

    def warm_up(self, steps: int) -> None:
        """Take steps of each form that is to come, then put all back: weights, optimisers, averages, data position."""
        before = deepcopy(self.state())
        for looping in sorted({self.looping, True}):
            for _ in range(steps):
                self.take_step(looping)
        self.restore(before)

    def micro_batch(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets of one micro-batch of this step, each (rows, seq_len).

        A micro-batch is `micro_tokens + 1` tokens of the endless stream; the next begins after the extra token. In a
        shuffled order each row is a sequence of its own.
        """
        if self.sequences is not None:
            count = self.micro_tokens // self.model.settings.seq_len
            drawn = self.sequences.read((self.step * self.settings.micro_batches + index) * count, count)
            rows_and_targets = torch.from_numpy(drawn.astype("int64")).to(self.device)
            return rows_and_targets[:, :-1], rows_and_targets[:, 1:]
        position = (self.step * self.settings.micro_batches + index) * (self.micro_tokens + 1)
        span = self.train_shards.read_wrapping(position, self.micro_tokens + 1)
        tokens = torch.from_numpy(span.astype("int64")).to(self.device)
        rows = (-1, self.model.settings.seq_len)
        return tokens[:-1].view(rows), tokens[1:].view(rows)

    def draws(self, index: int) -> torch.Generator:
        """The generator of a micro-batch's random draws: the same on every device count and after every resume."""
        generator = torch.Generator(self.device)
        return generator.manual_seed(((self.seed << 44) + (self.step << 12) + index) % 2**63)

    def gradient(self) -> tuple[float, float | None]:
        """Leave the step's mean gradient; returns mean cross-entropy and mean auxiliary loss (None without).

        Each process takes its share of the micro-batches; gradients and losses are summed in one exchange.
        """
        count = self.settings.micro_batches
        losses = torch.zeros(2, count, device=self.device)
        for index in self.ranks.share(count):
            inputs, targets = self.micro_batch(index)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.on_gpu):
                loss = self.training_loss(inputs, targets, self.draws(index))
            torch.autograd.backward(loss.total / count)
            losses[0, index] = loss.cross_entropy.detach()
            losses[1, index] = loss.auxiliary.detach()
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        self.ranks.sum([*gradients, losses])
        cross_entropy, auxiliary = losses.mean(1).tolist()
        return cross_entropy, auxiliary if self.model.acting["auxiliary_loss"] else None

    def multiplier(self) -> float:
        """The schedule's factor on every rate."""
        settings, allowed = self.settings, self.settings.allowed_seconds
        if settings.warmdown_fraction is not None:
            rate = rate_in_share(self.fraction, settings.warmdown_fraction)
        elif allowed is None:
            rate = rate_multiplier(self.step, settings.steps, settings.warmdown_steps)
        else:
            seconds_per_step = self.elapsed_seconds / max(self.step, 1)
            rate = rate_multiplier_in_time(self.elapsed_seconds, allowed, seconds_per_step, settings.warmdown_steps)
        return max(rate, settings.min_rate)

    @property
    def fraction(self) -> float:
        """How much of the run is done: of its steps, or of its time where that is limited."""
        allowed = self.settings.allowed_seconds
        return self.step / self.settings.steps if allowed is None else self.elapsed_seconds / allowed

    @property
    def looping(self) -> bool:
        """Whether the recurrence loops by now; what is left at the end always does."""
        loop = self.model.settings.recurrence
        return loop is None or self.fraction >= loop.from_fraction or self.finished()

    def take_step(self, looping: bool | None = None) -> dict[str, Any]:
        """One optimiser step, looping if it is time to or as it is told; its row of train.csv without validation."""
        settings, started = self.settings, time.monotonic()
        self.model.looping = self.looping if looping is None else looping
        rate = self.multiplier()
        scheduled = set_rates(self.optimizers, settings, self.step, rate)
        with self.enough_memory():
            loss, auxiliary = self.gradient()
            norm = clip_gradients(self.model.parameters(), settings.grad_clip_norm)
            self.check_finite(loss, norm, rate)
            for optimizer in self.optimizers.values():
                optimizer.step()
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
            "momentum": scheduled.get("momentum"),
            "grad_norm": norm,
            "seconds": round(self.elapsed_seconds, 3),
        }

    def check_finite(self, loss: float, norm: float, rate: float) -> None:
        """Refuse to step on a loss or gradient that is not finite: FloatingPointError with the figures."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"{self.label}: not finite at step {self.step + 1}: loss {loss}, gradient norm {norm}, "
                f"rate multiplier {rate:.4g} (matrix_lr {self.settings.matrix_lr * rate:.4g}): lower the rates"
            )

    @contextmanager
    def enough_memory(self) -> Iterator[None]:
        """Turn the allocator's error into a MemoryError that names the setting to change."""
        try:
            yield
        except RuntimeError as error:
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            count = self.settings.micro_batches
            raise MemoryError(
                f"{self.label}: out of memory at step {self.step + 1} with micro-batches of {self.micro_tokens} tokens:"
                f" raise train.micro_batches (now {count}) and run again; what was saved is kept"
            ) from error

    def validate(self) -> Score:
        """Bits per byte of the weights as they stand on the validation shards, in windows that do not overlap."""
        self.model.looping = self.looping
        self.model.eval()
        score = roundtrip(self.model, self.data.validation, self.data.byte_table)
        self.model.train()
        return score

    def finished(self) -> bool:
        """Whether the steps or the time are used up."""
        cap = self.settings.allowed_seconds
        return self.step >= self.settings.steps or (cap is not None and self.elapsed_seconds >= cap)
