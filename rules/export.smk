"""Quantised export of one run under the byte cap.

in:  results/<study>/runs/<variant>/seed<seed>/train/model.safetensors
out: results/<study>/runs/<variant>/seed<seed>/export/artifact.bin    what is scored and submitted
     results/<study>/runs/<variant>/seed<seed>/export/export.json     plan, bytes by tensor, every attempt
"""


rule export:
    input:
        model=owned("train", rules.train.output.model),
    output:
        artifact=f"{RUN}/export/artifact.bin",
        record=f"{RUN}/export/export.json",
    log:
        f"{RESULTS}/logs/export/{{variant}}/seed{{seed}}.log",
    params:
        settings=settings("export"),
        code=code("export"),
        failure=failure("export"),
    message:
        "export {wildcards.variant} seed {wildcards.seed}"
    script:
        "../workflow/scripts/export.py"
