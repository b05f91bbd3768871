"""Evaluation of one artifact: sliding window, by one job or by several that share it, and legal test-time training.

in:  results/<study>/runs/<variant>/seed<seed>/export/artifact.bin
     results/<study>/data/data.json
out: results/<study>/runs/<variant>/seed<seed>/sliding/{sliding,checks}.json; with keep_nats sliding.npz
     results/<study>/runs/<variant>/seed<seed>/sliding/parts/...    one of several parts, where evaluate.sliding.shards > 1
     results/<study>/runs/<variant>/seed<seed>/legal_ttt/{legal_ttt,checks}.json, legal_ttt.csv
     results/<study>/bootstrap.json                                 on request: the 2x2's arms over documents (keep_nats)
"""

SHARDED = {
    name: run.evaluate.sliding.shards
    for name, run in study.variants.items()
    if run.evaluate.sliding.shards > 1
}


rule sliding:
    input:
        **beside_the_data(),
        artifact=result("export", "artifact"),
        data=rules.tokens.output.data,
    output:
        **left_by("sliding"),
    log:
        f"{RESULTS}/logs/sliding/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(name for name in study.variants if name not in SHARDED),
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.sliding.threads
    resources:
        gpu=1,
        mem_mb=megabytes(memory.sliding_mb),
        runtime=minutes(time_limits.sliding_minutes),
    params:
        **asked_of("sliding"),
    message:
        "sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/sliding.py"


rule sliding_part:
    input:
        **beside_the_data(),
        artifact=result("export", "artifact"),
        data=rules.tokens.output.data,
    output:
        **{name: update(layout.part(name)) for name in layout.patterns("sliding")},
    log:
        f"{RESULTS}/logs/sliding_part/{{variant}}/seed{{seed}}.{{part}}.log",
    wildcard_constraints:
        variant=one_of(SHARDED),
        part=r"\d+",
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.sliding.threads
    resources:
        gpu=1,
        mem_mb=megabytes(memory.sliding_mb),
        runtime=minutes(time_limits.sliding_minutes),
    params:
        **asked_of("sliding"),
        shards=lambda wildcards, input: SHARDED[wildcards.variant],
        part=lambda wildcards, input: f"{wildcards.part}/{SHARDED[wildcards.variant]}",
    message:
        "part {wildcards.part} of the sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/sliding.py"


rule merge_sliding:
    input:
        **beside_the_data(),
        records=of_every_part("record"),
        checks=of_every_part("checks"),
        made_from=of_every_part("made_from"),
        artifact=result("export", "artifact"),
        data=rules.tokens.output.data,
    output:
        **left_by("sliding"),
    log:
        f"{RESULTS}/logs/merge_sliding/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(SHARDED),
    params:
        **asked_of("sliding"),
    message:
        "merge the sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/merge_sliding.py"


rule legal_ttt:
    input:
        **beside_the_data(),
        artifact=result("export", "artifact"),
        data=rules.tokens.output.data,
    output:
        **left_by("legal_ttt"),
    log:
        f"{RESULTS}/logs/legal_ttt/{{variant}}/seed{{seed}}.log",
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.legal_ttt.threads
    resources:
        gpu=1,
        mem_mb=megabytes(memory.legal_ttt_mb),
        runtime=minutes(time_limits.legal_ttt_minutes),
    params:
        **asked_of("legal_ttt"),
    message:
        "legal test-time training of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/legal_ttt.py"


rule bootstrap:
    input:
        for_bootstrap,
    output:
        record=f"{RESULTS}/bootstrap.json",
    log:
        f"{RESULTS}/logs/bootstrap.log",
    params:
        pairs=json.dumps(layout.bootstrap_pairs()),
        code=code("bootstrap"),
        failure=f"{RESULTS}/failed/bootstrap.json",
    message:
        "paired bootstrap of the 2x2's arms over documents"
    script:
        "../workflow/scripts/bootstrap.py"
