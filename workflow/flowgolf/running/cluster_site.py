"""What the main process of a study asks SLURM before it submits anything."""

from collections.abc import Iterable
from dataclasses import dataclass

from flowgolf.running.slurm import limit_minutes, refusal

PROFILE = "profiles/slurm/config.yaml"


@dataclass(frozen=True)
class Request:
    """What the jobs of one kind ask of SLURM."""

    name: str
    """Rule."""
    partition: str
    """Empty for the cluster's default one."""
    account: str
    """Empty for none."""
    minutes: int | None
    """Time limit, None for the partition's own."""
    sbatch: str
    """The command line that submits such a job, up to the work itself."""


def check_site(requests: Iterable[Request]) -> None:
    """Ask SLURM whether it would take and ever start such jobs.

    Raises ValueError that says what to edit in the profile.
    """
    for request in requests:
        told = refusal(request.sbatch)
        if told:
            raise ValueError(advice(told, request))
        limit = limit_minutes(request.partition)
        if limit is not None and request.minutes is not None and request.minutes > limit:
            raise ValueError(advice(f"time limit of partition {request.partition}: {limit} minutes", request))


def advice(told: str, request: Request) -> str:
    """One sentence for a refusal: what to edit, in which file."""
    rule, partition, account = request.name, request.partition, request.account
    text = told.lower()
    if "account" in text:
        if account:
            return f"the cluster refuses account '{account}': edit slurm_account in {PROFILE} (SLURM says: {told})"
        return f"the cluster wants an account: set slurm_account in {PROFILE} (SLURM says: {told})"
    if "invalid partition" in text:
        return (
            f"the cluster has no partition '{partition}': edit slurm_partition in {PROFILE}, "
            f"`sinfo` lists what there is (SLURM says: {told})"
        )
    if "time limit" in text:
        return (
            f"rule {rule} asks for {request.minutes} minutes, which partition '{partition}' does not give: set a "
            f"shorter runtime for {rule} under set-resources in {PROFILE}; a training goes on from its saved state "
            f"(SLURM says: {told})"
        )
    return (
        f"the cluster takes no jobs of rule {rule} in partition '{partition}': see {PROFILE} "
        f"(SLURM says: {told}; asked for with: {request.sbatch})"
    )
