"""`python -m flowgolf.gpu.check`: try everything on this machine, print one table, leave results/gpu.json."""

import argparse
import math
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from flowgolf.files import write_json
from flowgolf.gpu.bench import LINES, Bench, Figures
from flowgolf.gpu.scale import SCALES
from flowgolf.running.facts import run_record

NO_GPU = 2
"""Exit code where there is nothing to try it on."""


@dataclass(frozen=True)
class Line:
    """What one line came to."""

    name: str
    passed: bool
    figures: Figures
    budgets: Figures
    """Largest value of each figure that has one."""
    failure: str | None
    """Why it did not come to an end."""
    seconds: float


def line(name: str, bench: Bench, budgets: Mapping[str, float]) -> Line:
    """Try one thing; whatever goes wrong is the line's, and the others go on."""
    started, figures, failure = time.monotonic(), Figures(), None
    try:
        figures = LINES[name](bench)
    except Exception as error:  # of any library, on a machine that nobody has seen
        failure = f"{type(error).__name__}: {error}".splitlines()[0]
    for key, value in list(figures.items()):
        if not math.isfinite(value):
            failure = f"{key} is {figures.pop(key)}"
    own = {key: budgets[key] for key in figures if key in budgets}
    passed = failure is None and all(figures[key] <= most for key, most in own.items())
    return Line(name, passed, figures, own, failure, round(time.monotonic() - started, 1))


def table(lines: Sequence[Line]) -> str:
    """The lines as text, a figure a row."""
    rows = [("line", "figure", "value", "budget", "")]
    for each in lines:
        verdict = "pass" if each.passed else "FAIL"
        for key, value in each.figures.items():
            most = each.budgets.get(key)
            over = most is not None and not value <= most
            rows.append(
                (each.name, key, f"{value:,.4g}", "" if most is None else f"<= {most:,.4g}", "over" if over else "")
            )
        rows.append((each.name, each.failure or f"{each.seconds:.1f} s", "", "", verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip() for row in rows
    )


def missing_gpu() -> str | None:
    """One sentence on why there is no GPU to try; None where there is one."""
    if torch.cuda.is_available():
        return None
    why = f"built for CUDA {torch.version.cuda}, finds none" if torch.version.cuda else "is built without CUDA"
    same = "`make gpu DEVICE=cpu SCALE=tiny` takes the same path on a CPU"
    return f"make gpu: no GPU: torch {torch.__version__} {why}; {same}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every line keeps its budget, 1 when one does not, NO_GPU without a GPU unless a CPU is asked."""
    parser = argparse.ArgumentParser(prog="python -m flowgolf.gpu.check", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--scale", choices=SCALES, default="published")
    parser.add_argument("--out", type=Path, default=Path("results/gpu.json"))
    chosen = parser.parse_args(arguments)
    if chosen.device == "cuda" and (problem := missing_gpu()):
        print(problem, file=sys.stderr)
        return NO_GPU
    if chosen.device == "cpu" and torch.cuda.is_available():
        print("make gpu: DEVICE=cpu on a machine with a GPU: set CUDA_VISIBLE_DEVICES= as well", file=sys.stderr)
        return NO_GPU
    scale, lines = SCALES[chosen.scale], []
    with tempfile.TemporaryDirectory(prefix="flowgolf-gpu-") as folder:
        bench = Bench(scale, Path(folder))
        for name in LINES:
            lines.append(line(name, bench, scale.budgets))
            print(f"{name}: {'pass' if lines[-1].passed else 'FAIL'}", file=sys.stderr)
    passed = all(each.passed for each in lines)
    record = {
        "device": torch.cuda.get_device_name() if chosen.device == "cuda" else platform.processor() or "cpu",
        "scale": chosen.scale,
        "passed": passed,
        "lines": [asdict(each) for each in lines],
        **run_record(),
    }
    write_json(chosen.out, record)
    print(f"{record['device']}, torch {torch.__version__}, Python {platform.python_version()}, scale {chosen.scale}")
    print(table(lines))
    print(f"{'every line keeps its budget' if passed else 'NOT every line keeps its budget'}; figures: {chosen.out}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
