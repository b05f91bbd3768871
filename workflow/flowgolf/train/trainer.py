"""What changes while a model trains, and one optimiser step of it (docs/spec/training.md, T1 to T12, T20 to T22)."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from flowgolf import named
from flowgolf.data.dataset import Dataset
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.precision import precision
from flowgolf.scoring.score import Score
from flowgolf.train import registry
from flowgolf.train.batches import Batches
from flowgolf.train.clipping import clip_gradients
from flowgolf.train.distributed import Ranks
from flowgolf.train.ema import EMA
from flowgolf.train.groups import optimizers, set_rates
from flowgolf.train.reading import Reading, on_cpu
from flowgolf.train.schedule import Point, RateSchedule
from flowgolf.train.settings import TrainSettings
from flowgolf.train.validation import Asked, Validation, nobody

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
        grid: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the model and its optimisers; the weights and the draws follow from `seed` alone.

        `grid` are the export's settings that say how matrices are rounded, where `qat_below` asks for it.
        """
        torch.set_num_threads(settings.threads)
        self.ranks = ranks or Ranks()
        self.device = torch.device("cuda", self.ranks.local_rank) if torch.cuda.is_available() else torch.device("cpu")
        if self.on_gpu:
            torch.cuda.set_device(self.device)
        self.settings, self.label, self.seed, self.data = settings, label, seed, data
        self.model = GPT(model_settings)
        self.model.init_weights(seed)
        self.model.to(self.device).train()
        self.model.rotary(model_settings.seq_len, self.device)  # the tables exist before anything is compiled
        self.compiled = self.on_gpu if settings.compile is None else settings.compile
        self.training_loss = self.model.training_loss
        if self.compiled:
            self.training_loss = torch.compile(self.model.training_loss, fullgraph=True, dynamic=False)
        self.optimizers = optimizers(self.model, settings, self.ranks.spread)
        self.ema = EMA(self.model, settings.ema_decay)
        self.batches = Batches(data.train, settings, model_settings.seq_len, seed, self.device)
        kind = named.named_class("rate schedule", settings.schedule) if settings.schedule else RateSchedule
        self.schedule: RateSchedule = kind(settings)
        self.rounding = None if settings.qat_below is None else registry.rounding_class()(self.model, grid)
        self.validation = Validation(self.model, data, self.ranks, self.device, self.compiled)
        self.late = self.on_gpu
        """Whether the figures of a step are read while the next one is computed, so that the GPU never waits."""
        self.pending: list[Reading] = []
        self.step = 0
        self.elapsed_seconds = 0.0
        self.rows: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []

    @property
    def on_gpu(self) -> bool:
        """Whether the model lives on a GPU."""
        return self.device.type == "cuda"

    def state(self) -> dict[str, Any]:
        """What `restore` needs; the data position and the random draws follow from the step."""
        self.settle()
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
        """Go on from a saved state, which may lie on another device."""
        self.pending.clear()
        self.model.load_state_dict(state["model"])
        self.ema.load(state["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]
        self.elapsed_seconds = state["elapsed_seconds"]
        self.rows = state["rows"]
        self.sessions = state["sessions"]

    def warm_up(self, steps: int) -> None:
        """Take steps of each form that is to come, then put all back: weights, optimisers, averages, data position.

        Every one is taken at the present point of the schedule: there may be fewer steps left than these.
        """
        before = on_cpu(self.state())
        for looping in sorted({self.looping, True}):
            for _ in range(steps):
                self.take_step(looping)
                self.step, self.elapsed_seconds = before["step"], before["elapsed_seconds"]
        self.settle()
        self.restore(before)

    def micro_batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of one micro-batch of this step, each (rows, seq_len)."""
        count = self.settings.micro_batches
        own = self.ranks.share(count)
        following = index + 1 if index + 1 in own else count + own.start
        return self.batches.read(self.step * count + index, self.step * count + following)

    def draws(self, index: int) -> torch.Generator:
        """The generator of a micro-batch's random draws: the same on every device count and after every resume."""
        generator = torch.Generator(self.device)
        return generator.manual_seed(((self.seed << 44) + (self.step << 12) + index) % 2**63)

    def gradient(self) -> Tensor:
        """Leave the step's mean gradient; returns mean cross-entropy and mean auxiliary loss, (2,) on the device.

        Each process takes its share of the micro-batches; gradients and losses are summed in one exchange.
        """
        count, passes = self.settings.micro_batches, self.settings.passes_per_micro_batch
        losses = torch.zeros(2, count, device=self.device)
        for index in self.ranks.share(count):
            inputs, targets = self.micro_batch(index)
            drawn = self.model.draws(inputs, self.draws(index))
            rows = len(inputs) // passes
            for start in range(0, len(inputs), rows):
                part = slice(start, start + rows)
                own = [tuple(each[part] for each in draws) for draws in drawn]
                with precision(self.device):
                    loss = self.training_loss(inputs[part], targets[part], own)
                torch.autograd.backward(loss.total / (count * passes))
                losses[0, index] += loss.cross_entropy.detach() / passes
                losses[1, index] += loss.auxiliary.detach() / passes
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        self.ranks.sum([*gradients, losses])
        return losses.mean(1)

    def multiplier(self) -> float:
        """The schedule's factor on every rate; ValueError for what can be none."""
        rate = self.schedule.multiplier(self.point)
        if not (isinstance(rate, int | float) and 0 <= rate < math.inf):
            raise ValueError(
                f"{self.label}: train.schedule {self.settings.schedule}: the factor on the rates of step "
                f"{self.step + 1} is {rate!r}; it has to be a finite number, 0 or more"
            )
        return max(float(rate), self.settings.min_rate)

    @property
    def point(self) -> Point:
        """Where the run stands."""
        return Point(self.step, self.settings.steps, self.elapsed_seconds, self.settings.allowed_seconds)

    @property
    def looping(self) -> bool:
        """Whether the recurrence loops by now; what is left at the end always does."""
        loop = self.model.settings.recurrence
        return loop is None or self.point.fraction >= loop.from_fraction or self.finished()

    def take_step(self, looping: bool | None = None) -> dict[str, Any]:
        """One optimiser step, looping if it is time to or as it is told; its row of train.csv without validation."""
        settings, started = self.settings, time.monotonic()
        self.model.looping = self.looping if looping is None else looping
        rate = self.multiplier()
        scheduled = set_rates(self.optimizers, settings, self.step, rate)
        row: dict[str, Any] = {
            "step": self.step + 1,
            "tokens": (self.step + 1) * settings.batch_tokens,
            "train_loss": None,
            "cfm_loss": math.nan if self.model.acting["auxiliary_loss"] else None,
            "rate": rate,
            "momentum": scheduled.get("momentum"),
            "grad_norm": None,
        }
        with self.enough_memory():
            with self.rounded(rate):
                losses = self.gradient()
            norm = clip_gradients(self.model.parameters(), settings.grad_clip_norm)
            self.pending.append(Reading.sent(row, losses, norm))
            self.read_figures(1 if self.late else 0)
            for optimizer in self.optimizers.values():
                optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.ema.update(self.model)
        self.step += 1
        self.elapsed_seconds += time.monotonic() - started
        row["seconds"] = round(self.elapsed_seconds, 3)
        return row

    def rounded(self, rate: float) -> AbstractContextManager[None]:
        """Rounded matrices inside, where the factor on the rates is below `qat_below`."""
        below = self.settings.qat_below
        return self.rounding.rounded() if self.rounding and below and rate < below else nullcontext()

    def settle(self) -> None:
        """Wait for the steps at hand and read their figures."""
        started = time.monotonic()
        self.read_figures(0)
        self.elapsed_seconds += time.monotonic() - started if self.late else 0.0

    def read_figures(self, left: int) -> None:
        """Read the figures of all steps but the last `left`; what is not finite stops the run."""
        while len(self.pending) > left:
            reading = self.pending.pop(0)
            reading.settle()
            self.check_finite(reading.row)

    def check_finite(self, row: dict[str, Any]) -> None:
        """Refuse to go on with a loss or gradient that is not finite: FloatingPointError with the figures."""
        loss, norm, rate = row["train_loss"], row["grad_norm"], row["rate"]
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"{self.label}: not finite at step {row['step']}: loss {loss}, gradient norm {norm}, "
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
            passes, rows = self.settings.passes_per_micro_batch, self.batches.micro_tokens // self.batches.seq_len
            more = f"raise train.passes_per_micro_batch (now {passes}), which changes no result"
            if passes >= rows:
                more = "take a device with more memory, for one row at a time is too much"
            raise MemoryError(
                f"{self.label}: out of memory at step {self.step + 1} with {rows // passes} rows of "
                f"{self.batches.seq_len} tokens at a time: {more}, and run again; what was saved is kept"
            ) from error

    def validate(self, asked: Asked = nobody) -> Score:
        """Bits per byte of the weights as they stand on the validation shards, in windows that do not overlap.

        Every process takes a part; StopAskedError on all of them when `asked` names a signal on any.
        """
        self.settle()
        self.model.looping = self.looping
        self.model.eval()
        try:
            return self.validation.score(asked)
        finally:
            self.model.train()

    def finished(self) -> bool:
        """Whether the steps or the time are used up."""
        cap = self.settings.allowed_seconds
        return self.step >= self.settings.steps or (cap is not None and self.elapsed_seconds >= cap)
