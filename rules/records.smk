"""Which records every declared run has, and where, for what reads them all; rules are named here, and asked for later.

in:  the configuration
out: stage_outputs(), all_records(), sliding_parts(), bootstrap_pairs(), manifest_text()
"""

from flowgolf.study.study import STAGES, Run


def sliding_parts(wildcards, path):
    """One output of every part of a sliding evaluation that several jobs share."""
    shards = study.variants[wildcards.variant].evaluate.sliding.shards
    return [path.format(variant=wildcards.variant, seed=wildcards.seed, part=part) for part in range(shards)]


def bootstrap_pairs():
    """For each seed and evaluation the results of the two arms of the 2x2, by name."""
    outputs = {"sliding": rules.sliding.output.result, "legal_ttt": rules.legal_ttt.output.result}
    return {
        f"{stage} seed {seed}": [
            path.format(variant=study.owner(stage, arm), seed=seed)
            for arm in study.settings.report.two_by_two
        ]
        for stage, path in outputs.items()
        for seed in study.settings.seeds
    }


def stage_outputs(stage, rule_output):
    """The paths of one output for every run that a stage computes."""
    return [rule_output.format(variant=run.variant, seed=run.seed) for run in study.stage_runs(stage)]


def all_records():
    """Every record that the tables read."""
    return [
        *stage_outputs("train", rules.train.output.record),
        *stage_outputs("export", rules.export.output.record),
        *stage_outputs("sliding", rules.sliding.output.result),
        *stage_outputs("legal_ttt", rules.legal_ttt.output.result),
    ]


def manifest_text():
    """Which declared run finds its records where, as JSON: equal settings share their files."""
    outputs = {
        "train": ("train", rules.train.output.record),
        "train_csv": ("train", rules.train.output.curve),
        "export": ("export", rules.export.output.record),
        "sliding": ("sliding", rules.sliding.output.result),
        "legal_ttt": ("legal_ttt", rules.legal_ttt.output.result),
        "legal_ttt_csv": ("legal_ttt", rules.legal_ttt.output.curve),
    }

    def located(run):
        owners = {stage: study.owner(stage, run.variant) for stage in STAGES}
        named = {stage: {"stage": stage, "variant": owners[stage], "seed": run.seed} for stage in STAGES}
        files = {key: str(path).format(**named[stage]) for key, (stage, path) in outputs.items()}
        failed = {stage: FAILED.format(**named[stage]) for stage in STAGES}
        state = {stage: state_folder(stage)(Run(owners[stage], run.seed)) for stage in ("train", "legal_ttt")}
        return {"variant": run.variant, "seed": run.seed, **files, "failed": failed, "state": state}

    points = study.sweep_variants()
    sweeps = {
        name: {**sweep.model_dump(mode="json"), "variants": points[name]}
        for name, sweep in study.settings.sweeps.items()
    }
    manifest = {
        "study": study.settings.name,
        "question": study.settings.question,
        "seeds": study.settings.seeds,
        **study.settings.report.model_dump(mode="json"),
        "matched": [name for name, _ in study.matched_overrides()],
        "variants": study.overrides,
        "sweeps": sweeps,
        "runs": [located(run) for run in dict.fromkeys(study.runs)],
    }
    return json.dumps(manifest, sort_keys=True)
