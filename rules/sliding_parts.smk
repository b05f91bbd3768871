"""A sliding evaluation that several jobs share, where evaluate.sliding.shards is more than 1.

in:  results/<study>/runs/<variant>/seed<seed>/export/artifact.bin
     results/<study>/data/data.json
out: results/<study>/runs/<variant>/seed<seed>/sliding/parts/<part>.json, <part>.checks.json
     results/<study>/runs/<variant>/seed<seed>/sliding/{sliding,checks}.json; with keep_nats sliding.npz
"""


rule sliding_part:
    input:
        artifact=owned("export", rules.export.output.artifact),
        data=rules.tokens.output.data,
    output:
        result=f"{RUN}/sliding/parts/{{part}}.json",
        checks=f"{RUN}/sliding/parts/{{part}}.checks.json",
    log:
        f"{RESULTS}/logs/sliding_part/{{variant}}/seed{{seed}}.{{part}}.log",
    wildcard_constraints:
        variant=one_of(SHARDED),
        part=r"\d+",
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.sliding.threads
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=minutes(time_limits.sliding_minutes),
    params:
        settings=settings("sliding"),
        code=code("sliding_part"),
        cache=cache,
        failure=failure("sliding"),
        shards=lambda wildcards: SHARDED[wildcards.variant],
    message:
        "part {wildcards.part} of the sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/sliding_part.py"


rule merge_sliding:
    input:
        results=lambda wildcards: sliding_parts(wildcards, rules.sliding_part.output.result),
        checks=lambda wildcards: sliding_parts(wildcards, rules.sliding_part.output.checks),
        data=rules.tokens.output.data,
    output:
        result=rules.sliding.output.result,
        checks=rules.sliding.output.checks,
    log:
        f"{RESULTS}/logs/merge_sliding/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(SHARDED),
    params:
        code=code("merge_sliding"),
        failure=failure("sliding"),
    message:
        "merge the sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/merge_sliding.py"
