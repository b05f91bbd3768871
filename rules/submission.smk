"""Submission folders, on request: what a pull request to the challenge holds, for every variant that is submitted.

in:  records, curves and checks of every seed of the variant; the artifact of one seed
out: results/<study>/submission/<variant>/submission.json, README.md   figures over seeds, compliance from the checks
     results/<study>/submission/<variant>/artifact.bin                 of the submitted seed
     results/<study>/submission/<variant>/train_gpt.py                 all that scores it and trains it, in one file
     results/<study>/submission/<variant>/train_seed<seed>.log         one for every seed
"""

SUBMISSION = f"{RESULTS}/submission/{{variant}}"


rule submission:
    input:
        submitted_folders,
    message:
        f"submission folders: {RESULTS}/submission"


rule submission_folder:
    input:
        train=of_every_seed("train", "record"),
        train_csv=of_every_seed("train", "curve"),
        export=of_every_seed("export", "record"),
        sliding=of_every_seed("sliding", "record"),
        sliding_checks=of_every_seed("sliding", "checks"),
        legal_ttt=of_every_seed("legal_ttt", "record"),
        legal_ttt_checks=of_every_seed("legal_ttt", "checks"),
        legal_ttt_csv=of_every_seed("legal_ttt", "curve"),
        artifact=lambda wildcards: layout.path(
            "export", "artifact", Run(wildcards.variant, study.submitted_seed)
        ),
        schema=CHECKOUT / "resources" / "submission.schema.json",
    output:
        record=f"{SUBMISSION}/submission.json",
        readme=f"{SUBMISSION}/README.md",
        artifact=f"{SUBMISSION}/artifact.bin",
        code=f"{SUBMISSION}/train_gpt.py",
        logs=[f"{SUBMISSION}/train_seed{seed}.log" for seed in study.settings.seeds],
    log:
        f"{RESULTS}/logs/submission/{{variant}}.log",
    wildcard_constraints:
        variant=one_of(study.submitted if study.settings.submission else []),
    params:
        settings=lambda wildcards: study.variants[wildcards.variant].model_dump_json(),
        about=lambda wildcards: study.settings.submission.model_dump_json(),
        limits=json.dumps(study.settings.limits and study.settings.limits.model_dump(mode="json")),
        seeds=study.settings.seeds,
        primary_seed=study.submitted_seed,
        stage="submission",
        code=code("submission_folder"),
        generated=lambda wildcards: bundle.digest(study.variants[wildcards.variant].model_dump()),
        failure=f"{RESULTS}/failed/submission/{{variant}}.json",
    message:
        "submission folder of {wildcards.variant}"
    script:
        "../workflow/scripts/submission_folder.py"
