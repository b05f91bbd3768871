"""Evaluation of one artifact: sliding window, and legal test-time training.

in:  results/<study>/runs/<variant>/seed<seed>/export/artifact.bin
     results/<study>/data/data.json
out: results/<study>/runs/<variant>/seed<seed>/sliding/{sliding,checks}.json; with keep_nats sliding.npz
     results/<study>/bootstrap.json                                 on request: the 2x2's arms over documents (keep_nats)
     results/<study>/runs/<variant>/seed<seed>/legal_ttt/{legal_ttt,checks}.json, legal_ttt.csv
"""

SHARDED = {
    name: run.evaluate.sliding.shards
    for name, run in study.variants.items()
    if run.evaluate.sliding.shards > 1
}


rule sliding:
    input:
        artifact=owned("export", rules.export.output.artifact),
        data=rules.tokens.output.data,
    output:
        result=f"{RUN}/sliding/sliding.json",
        checks=f"{RUN}/sliding/checks.json",
    log:
        f"{RESULTS}/logs/sliding/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(name for name in study.variants if name not in SHARDED),
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.sliding.threads
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=minutes(time_limits.sliding_minutes),
    params:
        settings=settings("sliding"),
        code=code("sliding"),
        cache=cache,
        failure=failure("sliding"),
    message:
        "sliding-window score of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/sliding.py"


rule legal_ttt:
    input:
        artifact=owned("export", rules.export.output.artifact),
        data=rules.tokens.output.data,
    output:
        result=f"{RUN}/legal_ttt/legal_ttt.json",
        curve=f"{RUN}/legal_ttt/legal_ttt.csv",
        checks=f"{RUN}/legal_ttt/checks.json",
    log:
        f"{RESULTS}/logs/legal_ttt/{{variant}}/seed{{seed}}.log",
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.legal_ttt.threads
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=minutes(time_limits.legal_ttt_minutes),
    params:
        settings=settings("legal_ttt"),
        code=code("legal_ttt"),
        cache=cache,
        state=state_folder("legal_ttt"),
        failure=failure("legal_ttt"),
    message:
        "legal test-time training of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/legal_ttt.py"


rule bootstrap:
    input:
        [path for pair in bootstrap_pairs().values() for path in pair],
    output:
        record=f"{RESULTS}/bootstrap.json",
    log:
        f"{RESULTS}/logs/bootstrap.log",
    params:
        pairs=json.dumps(bootstrap_pairs()),
        code=code("bootstrap"),
        failure=f"{RESULTS}/failed/bootstrap.json",
    message:
        "paired bootstrap of the 2x2's arms over documents"
    script:
        "../workflow/scripts/bootstrap.py"
