"""Rule train: one variant under one seed, resumable at any moment (docs/spec/training.md)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flowgolf.model.settings import ModelSettings
from flowgolf.train import rank
from flowgolf.train.distributed import Ranks
from flowgolf.train.launch import launch
from flowgolf.train.process import run_process
from flowgolf.train.run import TrainingRun
from flowgolf.train.settings import TrainSettings


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
    command: Sequence[str] = rank.COMMAND,
    told: Callable[[dict[str, Any]], None] | None = None,
    grid: dict[str, Any] | None = None,
) -> None:
    """Train one model and leave its averaged weights, its curve and its record.

    Goes on from `state_dir` when an earlier process was stopped there; with `settings.devices` above 1 the steps are
    shared by as many processes, each started by `command`. `told` is given each row of the curve, where one process
    trains; what `command` starts has to tell them by itself. `grid` are the export's settings of the matrices' grid, as
    plain values, where `settings.qat_below` asks for them. Raises ValueError for data that does not fit the settings,
    FloatingPointError for a loss that is not finite, MemoryError, OSError for a full disk, ChildProcessError for a
    process that died, and InterruptedError when asked to stop.
    """
    run = TrainingRun(
        model=model_settings,
        train=settings,
        variant=variant,
        seed=seed,
        data_json=str(data_json),
        model_path=str(model_path),
        curve_path=str(curve_path),
        record_path=str(record_path),
        state_dir=str(state_dir),
        grid=grid,
    )
    if settings.devices == 1:
        run_process(run, Ranks(), told=told)
    else:
        launch(run, command)
