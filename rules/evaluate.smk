"""Evaluation of one artifact: sliding window, and legal test-time training.

in:  results/<study>/runs/<variant>/seed<seed>/export/artifact.bin
     results/<study>/data/data.json
out: results/<study>/runs/<variant>/seed<seed>/sliding/{sliding,checks}.json
     results/<study>/runs/<variant>/seed<seed>/legal_ttt/{legal_ttt,checks}.json, legal_ttt.csv
"""


rule sliding:
    input:
        artifact=owned("export", rules.export.output.artifact),
        data=rules.tokens.output.data,
    output:
        result=f"{RUN}/sliding/sliding.json",
        checks=f"{RUN}/sliding/checks.json",
    log:
        f"{RESULTS}/logs/sliding/{{variant}}/seed{{seed}}.log",
    threads: lambda wildcards: study.variants[wildcards.variant].evaluate.sliding.threads
    params:
        settings=settings("sliding"),
        code=code("sliding"),
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
    params:
        settings=settings("legal_ttt"),
        code=code("legal_ttt"),
        state=state_folder("legal_ttt"),
        failure=failure("legal_ttt"),
    message:
        "legal test-time training of {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/legal_ttt.py"
