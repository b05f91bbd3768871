"""Shared by the other files: the resolved study, the folders, the fingerprint of code.

in:  the configuration
out: study, RESULTS, RUN, code(), settings(), failure(), state_folder(), cache(), owned()
"""

import json
from hashlib import sha256
from pathlib import Path

from snakemake.exceptions import WorkflowError

from flowgolf.study.errors import ConfigError, check_yaml
from flowgolf.provenance import fingerprint
from flowgolf.study.study import Study
from flowgolf.train.settings import EXECUTION

CACHE = config.pop("cache", None)  # of this machine, not of the study: --config cache=FOLDER, or a profile
SHOW_SBATCH = config.pop("sbatch", None) == "show"

try:
    for path in workflow.configfiles:
        check_yaml(path)
    study = Study(config, source=", ".join(str(path) for path in workflow.configfiles))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"results/{study.settings.name}"
RUN = f"{RESULTS}/runs/{{variant}}/seed{{seed}}"
FAILED = f"{RESULTS}/failed/{{stage}}/{{variant}}/seed{{seed}}.json"


def one_of(names):
    """Pattern that matches these names and nothing else."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


wildcard_constraints:
    variant=one_of(study.variants),
    seed=one_of(sorted({run.seed for run in study.runs})),


def code(script):
    """Fingerprint of a script and of all that it imports."""
    return fingerprint(Path(workflow.basedir, "workflow", "scripts", f"{script}.py"))


def settings(stage):
    """The settings that a stage of a run depends on, as canonical JSON: a function of the wildcards."""
    return lambda wildcards: json.dumps(study.stage_settings(stage, wildcards.variant), sort_keys=True)


def failure(stage):
    """Where a failed job leaves its reason, for the tables: a function of the wildcards."""
    return lambda wildcards: FAILED.format(stage=stage, variant=wildcards.variant, seed=wildcards.seed)


def state_folder(stage):
    """Where a stage keeps what it resumes from: outside its outputs, one folder for one content.

    How a training is computed (devices, threads) is no part of it: its state goes on under other values.
    """

    def folder(wildcards):
        kept = study.stage_settings(stage, wildcards.variant)
        for key in EXECUTION:
            kept.get("train", {}).pop(key, None)
        content = f"{json.dumps(kept, sort_keys=True)} {code(stage)}"
        key = sha256(content.encode()).hexdigest()[:12]
        return f"{RESULTS}/state/{stage}/{wildcards.variant}/seed{wildcards.seed}-{key}"

    return folder


def cache(wildcards, input):
    """The store of finished results; a params function that takes `input` never reruns a job."""
    return CACHE


def owned(stage, path):
    """One output of a stage, of the first variant with the same settings: a function of the wildcards."""

    def owned_path(wildcards):
        return path.format(variant=study.owner(stage, wildcards.variant), seed=wildcards.seed)

    return owned_path
