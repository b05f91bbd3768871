"""The envelope of every script of the workflow: log, failure record, one writer, and results that are there already.

`with stage(snakemake) as run:` runs its body only if there is something to compute; otherwise the process ends well.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgolf import provenance
from flowgolf.data.record import input_digest
from flowgolf.running import origin
from flowgolf.running.gpus import leased, machine_gpus
from flowgolf.running.job import job
from flowgolf.running.lock import locked
from flowgolf.running.origin import Origin
from flowgolf.running.store import Store
from flowgolf.study.runtime import runtime
from flowgolf.study.stages import MADE_FROM, STAGES

CONTENT_INPUTS = ("data", "checkpoint", "model", "plan", "artifact")
"""Named inputs whose content a result follows from; records of parts are merged from what these already say."""


@dataclass(frozen=True)
class RunningStage:
    """What the body of a script needs besides its inputs and outputs."""

    variant: str
    """Empty where a rule has no variant."""
    seed: int
    """0 where a rule has no seed."""
    settings: dict[str, Any]
    """Blocks of settings by name, as JSON values; empty where a rule has none."""


@contextmanager
def stage(snakemake: Any) -> Iterator[RunningStage]:
    """Surround the work of a rule.

    An error ends the process with one sentence, which is also left under the rule's parameter `failure`. A rule with
    the parameter `identity` makes one result: nobody else makes it meanwhile, and where it exists (unchanged, under
    another variant's name, in the store, made by a job that was waited for) the process ends here with exit code 0.
    """
    params, wildcards = snakemake.params, snakemake.wildcards
    variant, seed, part = (wildcards.get(name) for name in ("variant", "seed", "part"))
    name = params.get("stage", snakemake.rule)
    words = [name, variant, seed and f"seed {seed}", part and f"part {part}"]
    label = " ".join(str(word) for word in words if word)
    run = RunningStage(str(variant or ""), int(seed or 0), json.loads(params.get("settings", "{}")))
    facts = {"stage": name, "variant": run.variant, "seed": run.seed}
    gpus = int(snakemake.resources.get("gpu") or 0)
    with job(str(snakemake.log[0]), params.failure, label, facts), leased(gpus):
        if params.get("identity") is None:
            yield run
        else:
            yield from once(snakemake, run, label)


def once(snakemake: Any, run: RunningStage, label: str) -> Iterator[RunningStage]:
    """Compute one result under its lock, unless it is there; SystemExit with code 0 in that case."""
    params, outputs = snakemake.params, {**dict(snakemake.output.items()), **json.loads(snakemake.params.extra)}
    made_from = origin_of(snakemake, run)
    refuse_changed_code(made_from, params.identity)
    lock = Path(params.failure).with_suffix(f".{Path(outputs[MADE_FROM]).stem}.lock")
    with locked(lock, label, made_from.key) as made_by:
        found = present(outputs, made_from.key, params.cache, run)
        if found:
            origin.rename(outputs, run.variant)
            origin.touch(outputs)
            print(f"{label}: {f'made by {made_by}' if made_by else found}", file=sys.stderr)
            raise SystemExit(0)
        for path in outputs.values():
            Path(path).unlink(missing_ok=True)
        yield run
        made_from.write(outputs)
        if params.cache is not None:
            Store(params.cache).put(made_from.key, list(outputs.values()), label)


def origin_of(snakemake: Any, run: RunningStage) -> Origin:
    """What this job's result follows from, with its code and its inputs as they are now."""
    params, given = snakemake.params, dict(snakemake.input.items())
    script = provenance.WORKFLOW / "scripts" / f"{params.script}.py"
    return Origin(
        stage=params.stage,
        settings=json.loads(params.identified),
        code=provenance.sources(script, params.modules),
        inputs={name: input_digest(name, given[name]) for name in CONTENT_INPUTS if given.get(name)},
        seed=run.seed if STAGES[params.stage].seeded else None,
        part=params.get("part"),
        versions=runtime(json.loads(params.equal_versions)),
        device=device_kind(),
    )


def device_kind() -> str:
    """What the stage computes on: `cuda` where its script has imported torch and there is a GPU.

    ValueError where the driver shows a GPU and torch cannot use it: hours on a CPU are not what was asked for.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return "cuda"
    if torch is not None and machine_gpus():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise ValueError(
            f"the driver shows a GPU that torch {torch.__version__}, {built}, cannot use: install another "
            "(`make setup TORCH=default` in a new clone) or a newer driver, or set CUDA_VISIBLE_DEVICES= for the CPU"
        )
    return "cpu"


def refuse_changed_code(made_from: Origin, planned: str) -> None:
    """Refuse to compute with other code or libraries than the launch's, under whose name the result would stand."""
    if made_from.label != planned:
        raise ValueError(
            "the code or a library has changed since this launch was planned, or this node has another "
            f"(planned: {planned}; here: {made_from.label}): start Snakemake again, and leave the code alone while "
            "jobs wait"
        )


def present(outputs: Mapping[str, str], key: str, cache: str | None, run: RunningStage) -> str:
    """How the result comes to be there already; empty when it has to be computed."""
    if origin.holds(outputs, key):
        return "unchanged, the same settings, code and inputs made it"
    everywhere = outputs[MADE_FROM].replace(f"/{run.variant}/seed{run.seed}/", "/*/seed*/")
    if folder := origin.twin(outputs, key, sorted(Path().glob(everywhere))):
        return f"taken from {folder}"
    if cache is not None and Store(cache).fetch(key, list(outputs.values())):
        return f"from the store {cache}"
    return ""
