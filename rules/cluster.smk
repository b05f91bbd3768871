"""What jobs ask of a cluster, and what the main process asks it first. A site's own values are in profiles/slurm.

in:  study
out: minutes(), megabytes(), devices(), which failures are tried again, rules that never become cluster jobs, the environment of jobs
"""

import shlex
import time

from snakemake.jobs import Job as SnakemakeJob

from flowgolf.running import cluster_site, launches
from flowgolf.running.gpus import machine_gpus
from flowgolf.running.job import failed_for_good
from flowgolf.study import memory, time_limits


localrules:
    all,
    every_result,
    manifest,
    match_plan,
    merge_sliding,
    bootstrap,
    tables,
    figures,
    page,
    report,
    published,
    result_page,
    submission,
    submission_folder,


# `cores` of profiles/default are this machine's, and would bound what the jobs of a cluster ask for.
if workflow.resource_settings.nodes is not None:
    workflow.global_resources["_cores"] = None


# On one machine its GPUs are shared by the jobs: no more at a time than there are (running/gpus.py).
if workflow.resource_settings.nodes is None and (gpus := machine_gpus()):
    workflow.global_resources.setdefault("gpu", len(gpus))


ENVIRONMENT = "".join(f"export {name}={value}; " for name, value in study.settings.environment.items())
# Settings come from files, never from the submitting shell; caches of compilers stay on the node, one
# folder a user; SIGTERM is for Python.
shell.prefix(
    "set -euo pipefail; trap : TERM; "
    "unset $(compgen -e | grep -E '^(OMP|MKL|OPENBLAS|TORCH|PYTORCH|TORCHINDUCTOR|TRITON|NCCL|CUBLAS|CUDNN)_') PYTHONHASHSEED; "
    '[ -d "${{TMPDIR:-}}" ] || export TMPDIR=/tmp; '
    "caches=$TMPDIR/flowgolf-$(id -u); "
    "export TORCHINDUCTOR_CACHE_DIR=$caches/inductor TRITON_CACHE_DIR=$caches/triton CUDA_CACHE_PATH=$caches/cuda; "
    + ENVIRONMENT
)


MAIN_JOB = os.environ.get("SLURM_JOB_ID")  # of the main process, where it is one: the plugin forgets it


def minutes(limit):
    """Time limit of a stage from the settings of the run: a function of the wildcards."""
    return quick(lambda wildcards: limit(study.variants[wildcards.variant]))


def megabytes(need):
    """Memory of a stage from the settings of the run, more at each attempt: a function of the wildcards."""
    return quick(lambda wildcards, attempt: attempt * need(study.variants[wildcards.variant]))


@quick
def devices(wildcards):
    """GPUs of a training."""
    return study.variants[wildcards.variant].train.devices


LAUNCHED = time.time()


def restarts(job):
    """How often a failed job may be submitted again: as `restart-times` says, unless it would only fail again."""
    return 0 if failed_for_good(job.params.get("failure"), LAUNCHED) else job.rule.restart_times


# Snakemake knows numbers of restarts for a rule, not for a kind of failure.
SnakemakeJob.restart_times = property(restarts)


def partition_of(job):
    """The partition that the plugin submits such a job to: the profile's, or one that it chooses from a file of them."""
    words = shlex.split(workflow.scheduler._executor.get_partition_arg(job))
    return words[1] if words else ""


def sbatch_line(job):
    """The command line with which the plugin submits such a job, up to its work."""
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    account, partition = job.resources.get("slurm_account", ""), partition_of(job)
    params = {
        "run_uuid": "flowgolf",
        "slurm_logfile": f".snakemake/slurm_logs/rule_{job.rule.name}/%j.log",
        "comment_str": f"rule_{job.rule.name}",
        "account": f"-A {shlex.quote(str(account))}" if account else "",
        "partition": f"-p {shlex.quote(partition)}" if partition else "",
        "workdir": workflow.workdir_init,
    }
    excluded = workflow.scheduler._executor._failed_nodes
    line = get_submit_command(job, params, workflow.executor_settings, failed_nodes=excluded)
    return " ".join(f"{line}{set_gres_string(job)}".split())


def job_name():
    """Name of all SLURM jobs of this launch, which begins with the study's; no two launches have the same.

    The plugin asks SLURM for the state of its jobs by this one name, so it cannot say more; the jobs' comments do.
    """
    executor = workflow.scheduler._executor
    if not workflow.executor_settings.jobname_prefix:
        executor.run_uuid = f"{study.settings.name}_{executor.run_uuid}"
    return executor.run_uuid


def planned():
    """What the jobs of this launch may say that they run: labels of results, and fingerprints of what makes the data.

    A node plans its job anew when that starts, with the code that lies there then.
    """
    results = {expected.label(stage, run.variant) for stage in STAGES for run in study.stage_runs(stage)}
    return sorted(results | {code("tokenizer"), code("tokens")})


def ask_cluster():
    """Before the first job: would SLURM take it, and is anything left in the queue?"""
    if workflow.executor_plugin.name != "slurm":
        return
    requests = dict.fromkeys(
        cluster_site.Request(
            name=job.rule.name,
            partition=partition_of(job),
            account=str(job.resources.get("slurm_account", "")),
            minutes=job.resources.get("runtime"),
            sbatch=sbatch_line(job),
        )
        for job in workflow.dag.needrun_jobs()
        if not job.is_local
    )
    if SHOW_SBATCH:
        print(*(request.sbatch for request in requests), sep="\n")
        raise WorkflowError(
            "nothing is submitted: those are the sbatch lines, asked for with --config sbatch=show"
        )
    if not requests:  # a target that only looks touches nothing in the queue
        return
    try:
        cluster_site.check_site(requests)
    except ValueError as error:
        raise WorkflowError(str(error)) from None
    launches.cancel_left_behind(Path.cwd())
    launches.announce(Path.cwd(), job_name(), MAIN_JOB, planned())


onstart:
    if problem := foreign_results(layout.results, study.source):
        raise WorkflowError(problem)
    claim(layout.results, study.source)
    ask_cluster()
