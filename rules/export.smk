"""Quantised export of one run under the byte cap.

in:  results/<study>/runs/<variant>/seed<seed>/train/model.safetensors
     results/<study>/matched_plan.json where export.plan is `matched`
out: results/<study>/runs/<variant>/seed<seed>/export/artifact.bin    what is scored and submitted
     results/<study>/runs/<variant>/seed<seed>/export/export.json     plan, bytes by tensor, every attempt
     results/<study>/matched_plan.json                                the plan of the neediest arm of the 2x2
"""


rule export:
    input:
        model=result("train", "model"),
        plan=lambda wildcards: (
            layout.matched_plan if study.variants[wildcards.variant].export.plan == "matched" else []
        ),
    output:
        **left_by("export"),
    log:
        f"{RESULTS}/logs/export/{{variant}}/seed{{seed}}.log",
    params:
        **asked_of("export"),
    message:
        "export {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/export.py"


rule match_plan:
    input:
        records=[
            layout.path("export", "record", Run(arm, seed))
            for arm in study.settings.report.two_by_two or []
            for seed in study.settings.seeds
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
