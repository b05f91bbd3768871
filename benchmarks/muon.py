"""Seconds of one Muon step: ours against torch.optim.Muon, on the matrices of a model of a given size.

python benchmarks/muon.py [--dim 80] [--layers 5] [--steps 20] [--threads 1]
"""

import argparse
import statistics
import time

import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.train.optimisers.muon import Muon


def matrices(dim: int, layers: int) -> list[torch.nn.Parameter]:
    gpt = GPT(
        ModelSettings(
            vocab_size=1024, seq_len=256, layers=layers, dim=dim, heads=4, kv_heads=2, rope_dims=4, xsa_layers=0
        )
    )
    gpt.init_weights(0)
    weights = [weight for name, weight in gpt.named_parameters() if gpt.known[name].role.group == "matrices"]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return weights


def milliseconds(optimizer: torch.optim.Optimizer, steps: int) -> float:
    seconds = []
    for _ in range(steps + 2):
        started = time.perf_counter()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {"dim": 80, "layers": 5, "steps": 20, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ours = Muon(matrices(arguments.dim, arguments.layers), lr=0.02, momentum=0.95, weight_decay=0.04)
    theirs = torch.optim.Muon(matrices(arguments.dim, arguments.layers), lr=0.02, momentum=0.95, weight_decay=0.04)
    print(f"ours              {milliseconds(ours, arguments.steps):8.2f} ms a step")
    print(f"torch.optim.Muon  {milliseconds(theirs, arguments.steps):8.2f} ms a step")


if __name__ == "__main__":
    main()
