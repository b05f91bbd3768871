"""What jobs ask of a cluster, and what the main process asks it first. A site's own values are in profiles/slurm.

in:  study
out: minutes(), devices(), rules that never become cluster jobs, the environment of jobs
"""

from flowgolf import cluster, run_time


localrules:
    all,
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


# Settings come from files, never from the submitting shell; caches of compilers stay on the node; SIGTERM is for Python.
shell.prefix(
    "set -euo pipefail; trap : TERM; "
    "unset $(compgen -e | grep -E '^(OMP|MKL|OPENBLAS|TORCH|PYTORCH|TORCHINDUCTOR|TRITON|NCCL|CUBLAS|CUDNN)_') PYTHONHASHSEED; "
    '[ -d "${{TMPDIR:-}}" ] || export TMPDIR=/tmp; '
    "export TORCHINDUCTOR_CACHE_DIR=$TMPDIR/flowgolf-inductor TRITON_CACHE_DIR=$TMPDIR/flowgolf-triton"
    " CUDA_CACHE_PATH=$TMPDIR/flowgolf-cuda; "
)


def minutes(limit):
    """Time limit of a stage from the settings of the run: a function of the wildcards."""
    return lambda wildcards: limit(study.variants[wildcards.variant])


def devices(wildcards):
    """GPUs of a training."""
    return study.variants[wildcards.variant].train.devices


def ask_cluster():
    """Before the first job: would SLURM take it, and is anything left in the queue?"""
    if workflow.executor_plugin.name == "slurm":
        remote = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
        keys = ("slurm_partition", "slurm_account")
        try:
            cluster.check_site(
                sorted({tuple(str(job.resources.get(key, "")) for key in keys) for job in remote})
            )
        except ValueError as error:
            raise WorkflowError(str(error)) from None
        cluster.cancel_left_behind(Path.cwd())


onstart:
    ask_cluster()
