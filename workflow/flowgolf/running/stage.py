"""The envelope of every script of the workflow: log, failure record, one writer, and results that are there already.

`with stage(snakemake) as run:` runs its body only if there is something to compute; otherwise the process ends well.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgolf import provenance
from flowgolf.data.record import input_digest
from flowgolf.running import origin
from flowgolf.running.gpus import driver_gpus, leased, machine_gpus
from flowgolf.running.job import job
from flowgolf.running.launches import planned_for_this_job
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
    state: str
    """Where the stage keeps what it goes on from; empty where a rule has no such place."""


@contextmanager
def stage(snakemake: Any) -> Iterator[RunningStage]:
    """Surround the work of a rule.

    An error ends the process with one sentence, which is also left under the rule's parameter `failure`. A rule with
    the parameters `identity` and `asked` (JSON) makes one result: nobody else makes it meanwhile, and where it exists
    (unchanged, under another variant's name, in the store, made by a job that was waited for) the process ends here
    with exit code 0.
    """
    params, wildcards = snakemake.params, snakemake.wildcards
    asked: dict[str, Any] = json.loads(params.get("asked", "{}"))
    variant, seed, part = (wildcards.get(name) for name in ("variant", "seed", "part"))
    name = asked.get("stage") or params.get("stage", snakemake.rule)
    words = [name, variant, seed and f"seed {seed}", part and f"part {part}"]
    label = " ".join(str(word) for word in words if word)
    run = RunningStage(str(variant or ""), int(seed or 0), asked.get("settings", {}), asked.get("state", ""))
    facts = {"stage": name, "variant": run.variant, "seed": run.seed}
    gpus = int(snakemake.resources.get("gpu") or 0)
    with job(str(snakemake.log[0]), params.failure, label, facts), leased(gpus):
        if params.get("identity") is None:
            refuse_changed_code(params.get("code"), params.get("code"))
            yield run
        else:
            yield from once(snakemake, asked, run, label)


def once(snakemake: Any, asked: Mapping[str, Any], run: RunningStage, label: str) -> Iterator[RunningStage]:
    """Compute one result under its lock, unless it is there; SystemExit with code 0 in that case."""
    params, outputs = snakemake.params, {**dict(snakemake.output.items()), **asked["extra"]}
    made_from, cache = origin_of(snakemake, asked, run), asked["cache"]
    refuse_changed_code(made_from.label, params.identity)
    lock = Path(params.failure).with_suffix(f".{Path(outputs[MADE_FROM]).stem}.lock")
    with locked(lock, label, made_from.key) as made_by:
        found = present(outputs, made_from.key, cache, run)
        if found:
            origin.rename(outputs, run.variant)
            origin.touch(outputs)
            print(f"{label}: {f'made by {made_by}' if made_by else found}", file=sys.stderr)
            raise SystemExit(0)
        for path in outputs.values():
            Path(path).unlink(missing_ok=True)
        yield run
        made_from.write(outputs)
        if cache is not None:
            Store(cache).put(made_from.key, list(outputs.values()), label)


def origin_of(snakemake: Any, asked: Mapping[str, Any], run: RunningStage) -> Origin:
    """What this job's result follows from, with its code and its inputs as they are now."""
    given = dict(snakemake.input.items())
    script = provenance.WORKFLOW / "scripts" / f"{asked['script']}.py"
    return Origin(
        stage=asked["stage"],
        settings=asked["identified"],
        code=provenance.sources(script, tuple(asked["modules"])),
        inputs={name: input_digest(name, given[name]) for name in CONTENT_INPUTS if given.get(name)},
        seed=run.seed if STAGES[asked["stage"]].seeded else None,
        part=snakemake.params.get("part"),
        versions=runtime(asked["equal_versions"]),
        device=device_kind(),
    )


def device_kind() -> str:
    """What the stage computes on: `cuda` where its script has imported torch and there is a GPU.

    ValueError where the driver shows a GPU and torch cannot use it: hours on a CPU are not what was asked for.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return "cuda"
    if torch is not None and machine_gpus() and driver_gpus():  # a cluster may name a GPU that is only pretended
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise ValueError(
            f"the driver shows a GPU that torch {torch.__version__}, {built}, cannot use: install another "
            "(`make setup TORCH=default` in a new clone) or a newer driver, or set CUDA_VISIBLE_DEVICES= for the CPU"
        )
    return "cpu"


def refuse_changed_code(here: str | None, planned: str | None) -> None:
    """Refuse to compute with other code or libraries than the launch's, under whose name the result would stand.

    `here` is what this process runs, `planned` what Snakemake has planned it with: on a node of a cluster when the job
    started, so that there the launch's own word is asked, too.
    """
    launched = planned_for_this_job(Path())
    if here == planned and (here is None or launched is None or here in launched):
        return
    raise ValueError(
        "the code or a library has changed since this launch was planned, or this node has another "
        f"(planned: {', '.join(nearest(here, launched or [str(planned)]))}; here: {here}): start Snakemake again, and "
        "leave the code alone while jobs wait"
    )


def nearest(here: str | None, planned: Sequence[str]) -> Sequence[str]:
    """Those of the planned labels that have the same settings; all of them where there are none."""
    return [label for label in planned if label.partition(",")[0] == str(here).partition(",")[0]] or planned


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
