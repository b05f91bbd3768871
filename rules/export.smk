"""Quantised export of one run under the byte cap.

in:  results/<study>/runs/<variant>/seed<seed>/train/model.safetensors
     results/<study>/matched_plan.json where export.plan is `matched`
     results/<study>/data/data.json where export.calibration_batches asks for training data
out: results/<study>/runs/<variant>/seed<seed>/export/artifact.bin    what is scored and submitted
     results/<study>/runs/<variant>/seed<seed>/export/export.json     plan, bytes by tensor, every attempt
     results/<study>/matched_plan.json                                the plan of the neediest arm of the 2x2
"""

CALIBRATED = [name for name, run in study.variants.items() if calibrates(run)]
MATCHED = [name for name, run in study.variants.items() if run.export.plan == "matched"]


rule export:
    input:
        model=result("train", "model"),
        plan=lambda wildcards: layout.matched_plan if wildcards.variant in MATCHED else [],
    output:
        **left_by("export"),
    log:
        f"{RESULTS}/logs/export/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(name for name in study.variants if name not in CALIBRATED),
    params:
        **asked_of("export"),
    message:
        "export {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/export.py"


rule calibrated_export:
    input:
        **beside_the_data(),
        model=result("train", "model"),
        data=rules.tokens.output.data,
        plan=lambda wildcards: layout.matched_plan if wildcards.variant in MATCHED else [],
    output:
        **left_by("export"),
    log:
        f"{RESULTS}/logs/calibrated_export/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(CALIBRATED),
    threads: lambda wildcards: study.variants[wildcards.variant].train.threads
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=minutes(time_limits.export_minutes),
    params:
        **asked_of("export"),
    message:
        "export {wildcards.variant} seed {wildcards.seed} with Hessians of training data"
    script:
        "../workflow/scripts/calibrated_export.py"


rule match_plan:
    input:
        records=[
            layout.path("export", "record", Run(arm, seed))
            for arm in study.settings.report.two_by_two or []
            for seed in study.seeds_of()
        ],
    output:
        plan=layout.matched_plan,
    log:
        f"{RESULTS}/logs/match_plan.log",
    params:
        code=code("match_plan"),
        failure=f"{RESULTS}/failed/match_plan.json",
    message:
        "the bit plan that all arms can be held to"
    script:
        "../workflow/scripts/match_plan.py"
