"""Shared by the other files: the resolved study, where its files lie, what identifies a result.

in:  the configuration
out: study, layout, expected, CLAIMED, RESULTS, RUN, code(), left_by(), asked_of(), result(), of_every_part(), of_every_seed(),
     submitted_folders(), audited_folders(), every_result(), beside_a_running_workflow(), resumable_states(),
     forget_old_states(), tell_next_seeds(), show_partial_results()
"""

import gc
import json
import sys
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import SharedFSUsage

from flowgolf import ideas, provenance
from flowgolf.model.declared import PartFileError
from flowgolf.running.planning import ask_less, one_of, quick
from flowgolf.running.words import Words
from flowgolf.study.errors import ConfigError, read_yaml
from flowgolf.study.extends import whole
from flowgolf.study.ownership import claim, foreign_library, foreign_results

CHECKOUT = Path(workflow.current_basedir).parent  # also where another Snakefile uses this one as a module
# Snakemake keeps nearly all the objects that it makes: looking for garbage among them as often as usual finds nothing
gc.freeze()
gc.set_threshold(500_000, 50, 100)
ask_less()
CACHE = config.pop("cache", None)  # of this machine, not of the study: --config cache=FOLDER, or a profile
words = Words(lambda target: nearest_target(target))
logger.addFilter(words)
SHARED = SharedFSUsage.INPUT_OUTPUT in workflow.storage_settings.shared_fs_usage
SHOW_SBATCH = config.pop("sbatch", None) == "show"


def told(function, *arguments):
    """What a function returns; what it refuses of the configuration ends Snakemake with that sentence."""
    try:
        return function(*arguments)
    except (ConfigError, ideas.IdeaError, PartFileError) as error:
        raise WorkflowError(str(error)) from None


def read_configuration():
    """The configuration with what it extends; files that are no configuration are refused."""
    for path in workflow.configfiles:
        read_yaml(path)
    return whole(config, workflow.configfiles)


def known_settings():
    """Read the parts and optimisers of the study's own, before anything asks what settings there are."""
    ideas.announce(CONFIGURATION)
    import_module("flowgolf.study.settings")


CONFIGURATION = told(read_configuration)
told(known_settings)

from flowgolf.data.source_files import source_files
from flowgolf.study import rounds
from flowgolf.study.expected import Expected
from flowgolf.study.files_named import check_files
from flowgolf.study.jobs import timed, watched
from flowgolf.study.layout import Layout
from flowgolf.study.manifest import manifest
from flowgolf.study.stages import STAGES, calibrates
from flowgolf.study.study import Run, Study
from flowgolf.submission.one_file import bundle

study = told(Study, CONFIGURATION, ", ".join(str(path) for path in workflow.configfiles))
layout = Layout(study)
if problem := foreign_library(CHECKOUT):
    raise WorkflowError(problem)
RESULTS = layout.results
told(check_files, study)
RUN = f"{RESULTS}/runs/{{variant}}/seed{{seed}}"


def beside_the_data():
    """What data.json names, as inputs of a job that reads it, where files travel one by one to where a job runs.

    On a shared file system it lies there anyway, and data.json has its digests: thousands of jobs need not list it.
    """
    travelling = {"shards": ancient(layout.shards), "tokenizer": rules.tokenizer.output.model}
    return {} if SHARED else travelling


def code(name):
    """Fingerprint of a script and of all that it imports."""
    return provenance.fingerprint(CHECKOUT / "workflow" / "scripts" / f"{name}.py")


def code_bytes(run, wrapped):
    """Size of an arm's generated train_gpt.py: what counts as code where a study does not say otherwise."""
    try:
        return bundle.size_bytes(run.model_dump(), wrapped)
    except ValueError as error:
        problem = f"export.code_bytes: null counts the generated train_gpt.py, which cannot be made: {error}"
        raise WorkflowError(problem) from None


expected = Expected(study, code_bytes)
CLAIMED = rounds.claimed(study, expected.label) if study.settings.claims else ""
if seeds := rounds.reached(study, CLAIMED, Path(RESULTS)):
    study = told(Study, CONFIGURATION, study.source, seeds)
    layout, expected = Layout(study), Expected(study, code_bytes)


wildcard_constraints:
    variant=one_of(study.variants),
    seed=one_of(sorted({run.seed for run in study.runs})),


if not SHARED:
    told(study.check_storage)


def files_of_the_user():
    """Files that the data are made from; a path that cannot serve is told before any job."""
    try:
        return source_files(study.settings.data)
    except ValueError as error:
        raise WorkflowError(f"{study.source}: data: {error}") from None


def left_by(stage):
    """Name -> path of what a stage leaves; `update` lets a job that finds it unchanged keep it."""
    return {name: update(path) for name, path in layout.patterns(stage).items()}


def asked_of(stage):
    """The parameters of a rule that makes a stage's result.

    Only `identity` is compared between launches: Snakemake never reruns a job for a parameter whose function takes
    `input`, and that is why the others do. They are few, since Snakemake looks at each of them for each job.
    """
    asked = {
        "identity": lambda wildcards: expected.label(stage, wildcards.variant),
        "failure": lambda wildcards, input: layout.failure(stage, Run(wildcards.variant, wildcards.seed)),
        "asked": lambda wildcards, input: json.dumps(
            {
                **asked_of_every_seed(stage, wildcards.variant),
                **asked_of_one(stage, **dict(wildcards.items())),
            }
        ),
    }
    return {name: quick(function) for name, function in asked.items()}


@cache
def asked_of_every_seed(stage, variant):
    """What a stage of a variant is asked for under any seed, as JSON values; see `running/stage.py`."""
    return {
        "stage": stage,
        "identified": expected.identity(stage, variant),
        "settings": expected.settings(stage, variant),
        "modules": expected.modules(stage, variant),
        "script": expected.script(stage, variant).stem,
        "equal_versions": study.settings.equal_versions,
        "cache": CACHE,
    }


def asked_of_one(stage, variant, seed, part=None):
    """What a job of a stage is asked for besides: where its state is kept, and what it leaves beyond its outputs."""
    return {
        "extra": layout.kept_nats(stage, variant, seed, part),
        "state": layout.state(stage, Run(variant, seed), expected.label(stage, variant)),
    }


def result(stage, output):
    """One output of a stage of the same run, where it is kept: a function of the wildcards."""
    return quick(lambda wildcards: layout.path(stage, output, Run(wildcards.variant, wildcards.seed)))


def of_every_part(output):
    """One output of every part of a sliding evaluation that several jobs share: a function of the wildcards."""
    return lambda wildcards: [
        layout.part(output).format(variant=wildcards.variant, seed=wildcards.seed, part=part)
        for part in range(study.variants[wildcards.variant].evaluate.sliding.shards)
    ]


def of_every_seed(stage, output):
    """One output of a stage for every seed of a variant, in order: a function of the wildcards."""
    return lambda wildcards: [
        layout.path(stage, output, Run(wildcards.variant, seed)) for seed in study.seeds_of(wildcards.variant)
    ]


def every_result(wildcards):
    """What every result says that it was made from; each of these files holds the digests of all that lies beside it.

    A function, because Snakemake hashes a list that stands in a rule once for each of its files; and one rule only
    takes it and leaves one file that the others read, because it looks for the maker of each file once a rule.
    """
    return layout.origins()


def results_in_one_folder(wildcards):
    """The same for what reads the records beside them, which do not travel."""
    if not SHARED:
        raise WorkflowError(
            "tables and the report read all results in one folder: make the target `every_result`, copy results/ out of "
            "the storage to here, and run the same without a storage provider"
        )
    return every_result(wildcards)


def submitted_folders(wildcards):
    """submission.json of every submitted variant."""
    told(study.check_submitter)
    return [f"{RESULTS}/submission/{variant}/submission.json" for variant in study.submitted]


def audited_folders(wildcards):
    """The findings on the folder of every submitted variant."""
    told(study.check_submitter)
    return [f"{RESULTS}/audit/{variant}.json" for variant in study.submitted]


def nearest_target(given):
    """The target most like a given one that nothing makes: a rule, or a file of this study."""
    makers = [rule for rule in workflow.rules if not rule.has_wildcards()]
    known = [rule.name for rule in makers] + [str(path) for rule in makers for path in rule.output]
    return get_close_matches(given, [*known, *layout.origins()], n=1, cutoff=0.0)[0]


def for_bootstrap(wildcards):
    """Records of the two arms of the 2x2, where they can be compared over documents."""
    told(study.check_nats)
    return [path for pair in layout.bootstrap_pairs().values() for path in pair]


def beside_a_running_workflow(wildcards):
    """No input; and this Snakemake holds no lock, as with --nolock: its end would remove that of a running one."""
    workflow.persistence.lock = workflow.persistence.unlock = workflow.persistence.noop
    return []


def resumable_states():
    """Where a job of this study, as it is now, keeps what it would go on from."""
    resuming = [name for name, stage in STAGES.items() if stage.resumes]
    return [
        layout.state(stage, run, expected.label(stage, run.variant))
        for stage in resuming
        for run in study.stage_runs(stage)
    ]


def of_whole_study():
    """Whether this launch makes the whole study, and not only some of its files."""
    return any(job.rule.name == "all" for job in workflow.dag.jobs)


def forget_old_states():
    """Once the whole study is complete: states of settings or code that it no longer has."""
    from flowgolf.running.states import remove_left_over

    if of_whole_study():
        remove_left_over(f"{RESULTS}/state", resumable_states())


def tell_next_seeds():
    """After a complete launch: which claims are undecided, and how many seeds their arms get with the next one."""
    path = Path(RESULTS, rounds.RECORD)
    if path.exists() and of_whole_study():
        record = json.loads(path.read_text())
        listed = ", ".join(f"{arm} seed {count}" for arm, count in record["next"].items())
        if listed:
            undecided = ", ".join(record["undecided"])
            print(f"undecided: {undecided}; the same command goes on with {listed}", file=sys.stderr)


def show_partial_results():
    """After a failure: what became of every run, the sentences of the failures, the tables so far."""
    from flowgolf.watch.status import status

    if not words.interrupted:
        # a job on this machine has just told why it failed, on the same terminal
        told = workflow.executor_plugin.name == "local"
        status(watched(layout, expected.label), f"{RESULTS}/partial", told)
