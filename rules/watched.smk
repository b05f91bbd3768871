"""What `status` and `estimate` are told of a study, and what a study that failed shows.

in:  study, and the rules of all stages
out: watched_manifest(), timed_study(), beside_a_running_workflow(), show_partial_results()
"""


def beside_a_running_workflow(wildcards):
    """No input; and this Snakemake holds no lock, as with --nolock: its end would remove that of a running one."""
    workflow.persistence.lock = workflow.persistence.unlock = workflow.persistence.noop
    return []


def stage_jobs(stage, run):
    """The jobs of a stage of a run: the log in which each shows its progress, and its name in the cluster's queue."""
    variant = study.owner(stage, run["variant"])
    rule_name, parts = stage, [None]
    if stage == "train" and variant in study.settings.imports:
        rule_name = "import_checkpoint"
    elif stage == "sliding" and variant in SHARDED:
        rule_name, parts = "sliding_part", range(SHARDED[variant])
    log = str(getattr(rules, rule_name).log[0])
    name = f"rule_{rule_name}_wildcards_{variant}_{run['seed']}"
    return [
        {
            "log": log.format(variant=variant, seed=run["seed"], part=part),
            "queue_name": name if part is None else f"{name}_{part}",
        }
        for part in parts
    ]


def watched_manifest():
    """The manifest with the jobs of every stage of every run."""
    manifest = json.loads(manifest_text())
    for run in manifest["runs"]:
        run["jobs"] = {stage: stage_jobs(stage, run) for stage in STAGES}
    return manifest


def timed_study():
    """Every job that takes long: what it leaves, the evaluated run's training that it waits for, its settings."""
    records = {
        "train": rules.train.output.record,
        "sliding": rules.sliding.output.result,
        "legal_ttt": rules.legal_ttt.output.result,
    }

    def job(stage, run):
        trained = records["train"].format(variant=study.owner("train", run.variant), seed=run.seed)
        return {
            "stage": stage,
            "record": records[stage].format(variant=run.variant, seed=run.seed),
            "needs": None if stage == "train" else trained,
            "settings": study.variants[run.variant].model_dump(mode="json"),
        }

    jobs = [
        job(stage, run)
        for stage in records
        for run in study.stage_runs(stage)
        if not (stage == "train" and run.variant in study.settings.imports)
    ]
    source = study.settings.data.source
    return {
        "name": study.settings.name,
        "jobs": jobs,
        "data": source,
        "data_record": str(rules.tokens.output.data),
    }


def show_partial_results():
    """After a failure: what became of every run, the sentences of the failures, the tables so far."""
    from flowgolf.watch.status import status

    status(watched_manifest(), f"{RESULTS}/partial")


onerror:
    show_partial_results()
