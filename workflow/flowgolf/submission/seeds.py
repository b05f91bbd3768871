"""The records of every seed of a submitted variant, and what must hold of them before anything is submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgolf.data.dataset import combined
from flowgolf.files import read_json
from flowgolf.scoring.recompute import recompute

EVALUATIONS = ("sliding", "legal_ttt")
"""The scores that submission.json states."""
FLAGS = {
    1: "causal",
    2: "full_distribution",
    3: "score_before_update",
    4: "each_position_once",
    5: "no_update_after_the_last_score",
    6: "the_artifact_is_scored",
    7: "validation_unseen",
    8: "whole_validation_set",
    9: "bytes_exact",
    10: "disjoint",
    12: "one_forward_pass",
    17: "replayed",
    18: "weights_in_a_chain",
    19: "data_identified",
}
"""Rules of docs/spec/legality.md that an evaluation's checks.json answers for -> name in submission.json."""
LIMITS = ("train_under_limit", "eval_under_limit", "hardware_within_limits")
"""Names in submission.json of what is held against the study's `limits`."""


class NotFitError(ValueError):
    """The records do not allow a submission."""


@dataclass(frozen=True)
class SeedRecords:
    """What the stages of one run left."""

    seed: int
    train: dict[str, Any]
    export: dict[str, Any]
    sliding: dict[str, Any]
    legal_ttt: dict[str, Any]
    checks: dict[str, dict[str, Any]]
    """checks.json of each evaluation."""

    @classmethod
    def read(cls, seed: int, paths: Mapping[str, str | Path]) -> "SeedRecords":
        """Read the records of a run; `paths` has train, export, and for each evaluation its result and its checks.

        FigureError for an evaluation whose figures do not follow from its sums and its kept nats (rule 20).
        """
        stages = {stage: read_json(paths[stage]) for stage in ("train", "export", *EVALUATIONS)}
        for name in EVALUATIONS:
            recompute(stages[name], paths[name], Path(paths[name]).with_suffix(".npz"))
        return cls(seed, **stages, checks={name: read_json(paths[f"{name}_checks"]) for name in EVALUATIONS})

    @property
    def made_by_uncommitted_code(self) -> bool:
        """Whether the code of some stage was not what its commit holds."""
        return any(record["commit"].endswith("-dirty") for record in self.stages.values())

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The record of each evaluation."""
        return {"sliding": self.sliding, "legal_ttt": self.legal_ttt}

    @property
    def training_seconds(self) -> float:
        """Of the steps, and of the calibration that an export did on training data."""
        return float(self.train["elapsed_seconds"] + self.export.get("calibration", {}).get("seconds", 0))

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The record of each stage."""
        return {"train": self.train, "export": self.export, **self.results}


def compliance(
    runs: Sequence[SeedRecords], code_bytes: int, limits: Mapping[str, Any] | None = None
) -> dict[str, bool]:
    """Each rule by name, true; the first one that some seed does not show is a NotFitError with seed and reason.

    Two say what is allowed but has to be told: `disjoint` is false where a tolerance of data.max_repeats was used,
    `evaluated_in_one_run` where an evaluation went on from a saved state.
    """
    for run in runs:
        for name in EVALUATIONS:
            check_evaluation(run, name)
        check_calibration(run)
        check_size(run, code_bytes)
        check_settings(run, runs[0])
        if limits is not None:
            check_limits(run, limits)
    results = [result for run in runs for result in run.results.values()]
    return {
        **dict.fromkeys(FLAGS.values(), True),
        "disjoint": all(result["repeats"]["documents"] == 0 for result in results),
        "evaluated_in_one_run": not any(result.get("resumed_at") for result in results),
        "size_within_the_cap": True,
        "settings_equal_across_seeds": True,
        **dict.fromkeys(LIMITS if limits is not None else (), True),
    }


def check_limits(run: SeedRecords, limits: Mapping[str, Any]) -> None:
    """Rule 23: training and evaluations took no longer than the track allows, on what it allows."""
    evaluated = sum(result["seconds"] for result in run.results.values())
    for what, seconds in (("train", run.training_seconds), ("evaluate", evaluated)):
        allowed = limits[f"{what}_seconds"]
        if seconds > allowed:
            raise NotFitError(
                f"seed {run.seed}: rule 23: {what} took {seconds:.1f} s, limits.{what}_seconds is {allowed:g}"
            )
    devices, name = limits["devices"], limits["device_name"] or ""
    if run.train["devices"] != devices or name not in run.train["device"]:
        raise NotFitError(
            f"seed {run.seed}: rule 23: trained on {run.train['devices']} x {run.train['device']}, limits say "
            f"{devices} x {name or 'any device'}"
        )


def check_evaluation(run: SeedRecords, name: str) -> None:
    """Rules 1 to 10, 12 and 17 to 19: the evaluation is of the run's artifact, whole, and passed every check."""
    result, book, artifact = run.results[name], run.checks[name], run.export["artifact_sha256"]
    for what, found in ((f"{name}.json", result["artifact_sha256"]), ("its checks.json", book["artifact_sha256"])):
        if found != artifact:
            raise NotFitError(
                f"seed {run.seed}: rule 6: {what} is of artifact {found[:12]}, the export made {artifact[:12]}"
            )
    if result["partial"]:
        raise NotFitError(
            f"seed {run.seed}: rule 8: {name} scored a part of the validation set; set max_positions to null"
        )
    passed = {check["rule"] for check in book["checks"]}
    for rule, flag in FLAGS.items():
        if rule not in passed:
            raise NotFitError(f"seed {run.seed}: rule {rule}, {flag}: the checks of {name} do not answer for it")
    if result["data"]["train"] != combined(run.train["training_shards"]):
        raise NotFitError(
            f"seed {run.seed}: rule 19: {name} compared validation with other training shards than those of run.json"
        )


def check_calibration(run: SeedRecords) -> None:
    """Rule 7: what an export was calibrated on are shards of the training."""
    for digest in run.export.get("calibration", {}).get("shards", []):
        if digest not in run.train["training_shards"]:
            raise NotFitError(
                f"seed {run.seed}: rule 7: the export was calibrated on a shard that is none of the training's, "
                f"SHA-256 {digest}"
            )


def check_size(run: SeedRecords, code_bytes: int) -> None:
    """Rule 11: the code that was counted is the code that is submitted, and both fit with the weights."""
    record = run.export
    if record["bytes_code"] != code_bytes:
        raise NotFitError(
            f"seed {run.seed}: rule 11: the export counted {record['bytes_code']} bytes of code, and train_gpt.py has "
            f"{code_bytes}; set export.code_bytes to null"
        )
    total, cap = record["bytes_weights"] + code_bytes, record["cap_bytes"]
    if total > cap:
        raise NotFitError(
            f"seed {run.seed}: rule 11: weights and code are {total} bytes, {total - cap} more than the cap {cap}"
        )


def check_settings(run: SeedRecords, first: SeedRecords) -> None:
    """Rule 13: seeds differ in nothing but the seed."""
    for stage in run.stages:
        for key in ("model", "train", "settings"):
            if run.stages[stage].get(key) != first.stages[stage].get(key):
                raise NotFitError(f"seed {run.seed}: rule 13: {stage} had other settings than with seed {first.seed}")
