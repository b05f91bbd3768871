"""Where the time of a training step goes: quick size, 6 blocks x 192, full size; ours against a plain step.

python benchmarks/train.py [--threads 1] [--steps 6] [--sizes quick,six,full] [--kinds plain,ours,compiled]

`plain` is the same model and batch as library operations and autograd (plain_model.py), with one-matrix-at-a-time
Newton-Schulz in torch.optim.Muon, AdamW and the weight average as loops over tensors; `compiled` is ours with
train.compile: true. They take turns step by step, so that whatever else the machine does hits all; milliseconds are
medians of processor time per thread. Utilisation is against the best of the matrix products timed between the steps.
"""

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import plain_model
import torch
import yaml

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.train.clipping import clip_gradients
from flowgolf.train.ema import EMA
from flowgolf.train.groups import optimizers
from flowgolf.train.settings import TrainSettings
from flowgolf.train.speed import flops_per_token, peak_memory_bytes

PARTS = ("data", "forward", "backward", "optimiser")
QUICK = yaml.safe_load((Path(__file__).parents[1] / "config" / "config.yaml").read_text())["base"]["model"]
SIX = {**QUICK, "layers": 6, "xsa_layers": 6, "dim": 192, "heads": 6, "kv_heads": 3, "seq_len": 256}
SIZES = {"quick": (QUICK, 16), "six": (SIX, 16), "full": ({}, 2)}  # model settings, rows of a batch
FULL = {"seq_len": 512}
DECAY = 0.98


class Ours:
    """A step as flowgolf.train takes it."""

    def __init__(self, gpt: GPT) -> None:
        self.gpt = gpt
        self.optimizers = list(optimizers(gpt, TrainSettings()).values())
        self.average = EMA(gpt, DECAY)

    def loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """What is differentiated."""
        return self.gpt.training_loss(inputs, targets).total

    def update(self) -> None:
        """Clip, step, average."""
        clip_gradients(self.gpt.parameters(), 0.3)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update(self.gpt)


class Plain(Ours):
    """The same step out of the box."""

    def __init__(self, gpt: GPT) -> None:
        self.gpt = gpt
        groups = defaultdict(list)
        for name, weight in gpt.named_parameters():
            groups[gpt.known[name].role.group == "matrices"].append(weight)
        rest = torch.optim.AdamW(groups[False], lr=0.03, betas=(0.9, 0.95), weight_decay=0.04, foreach=False)
        self.optimizers = (torch.optim.Muon(groups[True], lr=0.025, weight_decay=0.04), rest)
        self.average = [weight.detach().clone() for weight in gpt.parameters()]

    def loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """What is differentiated."""
        return plain_model.token_losses(self.gpt, inputs, targets).mean()

    def update(self) -> None:
        """Clip, step, average."""
        torch.nn.utils.clip_grad_norm_(self.gpt.parameters(), 0.3)
        for optimizer in self.optimizers:
            optimizer.step()
        for average, weight in zip(self.average, self.gpt.parameters(), strict=True):
            average.mul_(DECAY).add_(weight.detach(), alpha=1 - DECAY)


class Compiled(Ours):
    """Ours with `train.compile: true`."""

    def __init__(self, gpt: GPT) -> None:
        super().__init__(gpt)
        gpt.rotary(gpt.settings.seq_len, torch.device("cpu"))  # the tables exist before anything is compiled
        self.training_loss = torch.compile(gpt.training_loss)

    def loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """What is differentiated."""
        return self.training_loss(inputs, targets).total


KINDS = {"plain": Plain, "ours": Ours, "compiled": Compiled}


def take_step(kind: Ours, rows: int, clock: Callable[[], float]) -> list[float]:
    """Seconds of each of PARTS."""
    settings = kind.gpt.settings
    times = [clock()]
    tokens = torch.randint(0, settings.vocab_size, (rows * settings.seq_len + 1,))
    inputs, targets = (part.view(rows, -1) for part in (tokens[:-1], tokens[1:]))
    times.append(clock())
    loss = kind.loss(inputs, targets)
    times.append(clock())
    loss.backward()
    times.append(clock())
    kind.update()
    kind.gpt.zero_grad(set_to_none=True)
    times.append(clock())
    return [end - start for start, end in pairwise(times)]


def product_seconds(clock: Callable[[], float]) -> float:
    left = torch.randn(1024, 1024)
    started = clock()
    left @ left  # noqa: B018
    return clock() - started


def measure(name: str, chosen: list[str], steps: int, clock: Callable[[], float]) -> None:
    changes, rows = SIZES[name]
    settings = ModelSettings.model_validate({**FULL, **changes})
    kinds = []
    for kind in (KINDS[each] for each in chosen):
        gpt = GPT(settings)
        gpt.init_weights(0)
        kinds.append(kind(gpt))
    seconds, products = {kind: [] for kind in kinds}, []
    for _ in range(steps + 1):
        for kind in kinds:
            seconds[kind].append(take_step(kind, rows, clock))
            products.append(product_seconds(clock))
    tokens, rate = rows * settings.seq_len, 2 * 1024**3 / min(products)
    parameters = sum(weight.numel() for weight in kinds[0].gpt.parameters())
    print(f"{name}: {parameters / 1e6:.2f} M parameters, {tokens} tokens a step, product {rate / 1e9:.0f} GFLOP/s")
    for kind in kinds:
        parts = [statistics.median(column) for column in zip(*seconds[kind][1:], strict=True)]
        step = sum(parts)
        utilisation = tokens * flops_per_token(kind.gpt) / rate
        shares = "  ".join(f"{part} {value / step:4.0%}" for part, value in zip(PARTS, parts, strict=True))
        print(
            f"  {type(kind).__name__.lower():8}{1000 * step:8.0f} ms  {tokens / step:8,.0f} tokens/s  {shares}"
            f"  forward+backward {utilisation / (parts[1] + parts[2]):4.0%}  whole step {utilisation / step:4.0%}"
        )
    print(f"  peak memory {peak_memory_bytes(torch.device('cpu')) / 1e6:.0f} MB ({len(kinds)} models)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--kinds", default=",".join(KINDS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    for name in arguments.sizes.split(","):
        measure(name, arguments.kinds.split(","), arguments.steps, clock)


if __name__ == "__main__":
    sys.exit(main())
