"""TensorBoard event files of a run, written by the library's own writer."""

import shutil
from pathlib import Path
from typing import Any


class EventFiles:
    """One scalar a column and step, under `folder`."""

    def __init__(self, folder: Path, step: int) -> None:
        """Goes on after `step`: later entries of a killed process are withdrawn; step 0 starts an empty folder."""
        from torch.utils.tensorboard import SummaryWriter  # an import of seconds, only when asked for

        if step == 0 and folder.exists():
            shutil.rmtree(folder)
        self.writer = SummaryWriter(folder, purge_step=step + 1)

    def write(self, row: dict[str, Any]) -> None:
        """Add one row of train.csv."""
        for name, value in row.items():
            if name != "step" and value is not None:
                self.writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Flush to disk."""
        self.writer.close()
