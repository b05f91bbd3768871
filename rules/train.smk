"""Training of one variant under one seed, or a published checkpoint in its place.

in:  results/<study>/data/data.json, or the file that `imports` names
out: results/<study>/runs/<variant>/seed<seed>/train/model.safetensors   averaged weights and model settings
     results/<study>/runs/<variant>/seed<seed>/train/train.csv           one row a step
     results/<study>/runs/<variant>/seed<seed>/train/run.json            settings, values, provenance
     results/<study>/state/train/...                                     what a killed run resumes from
"""


rule train:
    input:
        **beside_the_data(),
        data=rules.tokens.output.data,
    output:
        **left_by("train"),
    log:
        f"{RESULTS}/logs/train/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(name for name in study.variants if name not in study.settings.imports),
    threads: lambda wildcards: study.variants[wildcards.variant].train.threads * devices(wildcards)
    resources:
        gpu=devices,
        mem_mb=megabytes(memory.train_mb),
        runtime=minutes(time_limits.train_minutes),
    params:
        **asked_of("train"),
    message:
        "train {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/train.py"


rule import_checkpoint:
    input:
        **beside_the_data(),
        data=rules.tokens.output.data,
        checkpoint=lambda wildcards: study.settings.imports[wildcards.variant].checkpoint,
    output:
        **left_by("train"),
    log:
        f"{RESULTS}/logs/import_checkpoint/{{variant}}/seed{{seed}}.log",
    wildcard_constraints:
        variant=one_of(study.settings.imports),
    resources:
        gpu=1,
        mem_mb=megabytes(memory.train_mb),
        runtime=minutes(time_limits.import_minutes),
    params:
        **asked_of("train"),
    message:
        "import {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/import_checkpoint.py"
