"""Quantised export of one run under the byte cap.

in:  results/<study>/runs/<variant>/seed<seed>/train/model.safetensors
     results/<study>/matched_plan.json where export.plan is `matched`
out: results/<study>/runs/<variant>/seed<seed>/export/artifact.bin    what is scored and submitted
     results/<study>/runs/<variant>/seed<seed>/export/export.json     plan, bytes by tensor, every attempt
     results/<study>/matched_plan.json                                the plan of the neediest arm of the 2x2
"""

MATCHED_PLAN = f"{RESULTS}/matched_plan.json"


rule export:
    input:
        model=owned("train", rules.train.output.model),
        plan=lambda wildcards: (
            MATCHED_PLAN if study.variants[wildcards.variant].export.plan == "matched" else []
        ),
    output:
        artifact=f"{RUN}/export/artifact.bin",
        record=f"{RUN}/export/export.json",
    log:
        f"{RESULTS}/logs/export/{{variant}}/seed{{seed}}.log",
    params:
        settings=export_settings,
        code=code("export"),
        cache=cache,
        failure=failure("export"),
    message:
        "export {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/export.py"


rule match_plan:
    input:
        records=[
            rules.export.output.record.format(variant=study.owner("export", arm), seed=seed)
            for arm in study.settings.report.two_by_two
            for seed in study.settings.seeds
        ],
    output:
        plan=MATCHED_PLAN,
    log:
        f"{RESULTS}/logs/match_plan.log",
    params:
        code=code("match_plan"),
        failure=f"{RESULTS}/failed/match_plan.json",
    message:
        "the bit plan that all arms can be held to"
    script:
        "../workflow/scripts/match_plan.py"
