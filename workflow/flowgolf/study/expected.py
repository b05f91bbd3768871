"""What every result of a study has to be made from: its settings, and the code that makes it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flowgolf import named, provenance
from flowgolf.model import registry as parts
from flowgolf.study.runtime import runtime
from flowgolf.study.settings import RunSettings
from flowgolf.study.stages import CALIBRATED_EXPORT, STAGES, calibrates
from flowgolf.study.study import Study
from flowgolf.train import registry as optimisers


class Expected:
    """Settings and code of each stage of each variant, as they are now; computed once a process."""

    def __init__(self, study: Study, code_bytes: Callable[[RunSettings, bool], int]) -> None:
        """`code_bytes` gives the size of an arm's generated train_gpt.py, in its wrapper or not, where it is open."""
        self.study, self.code_bytes = study, code_bytes
        self.versions = runtime(study.settings.equal_versions)
        self.label = cache(self._label)
        self.identity = cache(self._identity)

    def settings(self, stage: str, variant: str) -> dict[str, Any]:
        """Everything that the stage runs with, block by block, as JSON values."""
        return self._counted(stage, variant, self.study.stage_settings(stage, variant))

    def _identity(self, stage: str, variant: str) -> dict[str, Any]:
        """The settings that its result is identified by, as JSON values."""
        return self._counted(stage, variant, self.study.identity(stage, variant))

    def _counted(self, stage: str, variant: str, blocks: dict[str, Any]) -> dict[str, Any]:
        """The same with the size of the code spelt out: another size leaves another room for the weights."""
        if stage == "export" and blocks["export"]["code_bytes"] is None:
            wrapper = blocks["export"].get("code_wrapper", False)
            blocks["export"]["code_bytes"] = self.code_bytes(self.study.variants[variant], wrapper)
        return blocks

    def script(self, stage: str, variant: str) -> Path:
        """The script whose code makes the result; several jobs that share a stage run the code of the whole."""
        name = stage
        if stage == "train" and variant in self.study.settings.imports:
            name = "import_checkpoint"
        elif stage == "export" and calibrates(self.study.variants[variant]):
            name = CALIBRATED_EXPORT
        return provenance.WORKFLOW / "scripts" / f"{name}.py"

    def modules(self, stage: str, variant: str) -> tuple[str, ...]:
        """Modules that the stage runs without an import statement that names them: parts, optimisers, ideas."""
        run = self.study.variants[variant]
        script = self.script(stage, variant).stem
        runs_model = STAGES[stage].runs_model or script == CALIBRATED_EXPORT
        names = [parts.module_name(key) for key in parts.switched_on(run.model) if runs_model]
        if script == "train":
            names += [optimisers.module_name(name) for name in optimisers.switched_on(run.train)]
            names += [optimisers.ROUNDING] if run.train.qat_below is not None else []
        names += map(named.module_name, named.chosen(run.model_dump(), script).values())
        return tuple(names)

    def _label(self, stage: str, variant: str) -> str:
        """What the result is identified by besides its inputs; see `provenance.label`."""
        code = provenance.fingerprint(self.script(stage, variant), self.modules(stage, variant))
        return provenance.label(self.identity(stage, variant), code, self.versions)
