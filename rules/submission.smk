"""Submission folders, on request: what a pull request to the challenge holds, for every variant that is submitted.

`audit` reads them as a stranger would, and fails where a claim contradicts what lies beside it.

in:  records, curves and checks of every seed of the variant; the artifact of one seed
out: results/<study>/submission/<variant>/submission.json, README.md   figures over seeds, compliance from the checks
     results/<study>/submission/<variant>/artifact.bin                 of the submitted seed
     results/<study>/submission/<variant>/train_gpt.py                 all that scores it and trains it, in one file
     results/<study>/submission/<variant>/train_gpt_readable.py        the same, not packed (export.code_wrapper)
     results/<study>/submission/<variant>/train_seed<seed>.log         one for every seed
     results/<study>/audit/<variant>.{md,json}                         findings on that folder (audit)
"""

SUBMISSION = f"{RESULTS}/submission/{{variant}}"
SUBMITTED = study.submitted if study.settings.submission else []
SUBMITTED_SEEDS = study.seeds_of(SUBMITTED[0]) if SUBMITTED else []
WRAPPED = all(study.variants[variant].export.code_wrapper for variant in SUBMITTED)
READABLE = [f"{SUBMISSION}/train_gpt_readable.py"] if WRAPPED else []


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
        readable=READABLE,
        logs=[f"{SUBMISSION}/train_seed{seed}.log" for seed in SUBMITTED_SEEDS],
    log:
        f"{RESULTS}/logs/submission/{{variant}}.log",
    wildcard_constraints:
        variant=one_of(SUBMITTED),
    params:
        settings=lambda wildcards: study.variants[wildcards.variant].model_dump_json(),
        about=lambda wildcards: study.settings.submission.model_dump_json(),
        limits=json.dumps(study.settings.limits and study.settings.limits.model_dump(mode="json")),
        seeds=SUBMITTED_SEEDS,
        primary_seed=study.submitted_seed,
        stage="submission",
        code=code("submission_folder"),
        generated=lambda wildcards: bundle.digest(study.variants[wildcards.variant].model_dump()),
        failure=f"{RESULTS}/failed/submission/{{variant}}.json",
    message:
        "submission folder of {wildcards.variant}"
    script:
        "../workflow/scripts/submission_folder.py"


rule audit_folder:
    input:
        **dict(rules.submission_folder.output.items()),
    output:
        page=f"{RESULTS}/audit/{{variant}}.md",
        findings=f"{RESULTS}/audit/{{variant}}.json",
    log:
        f"{RESULTS}/logs/audit/{{variant}}.log",
    wildcard_constraints:
        variant=one_of(SUBMITTED),
    localrule: True
    params:
        folder=lambda wildcards, input: Path(input.record).parent,
        stage="audit",
        code=code("audit_folder"),
        failure=f"{RESULTS}/failed/audit/{{variant}}.json",
    message:
        "audit of the submission folder of {wildcards.variant}"
    script:
        "../workflow/scripts/audit_folder.py"


rule audit:
    input:
        audited_folders,
    log:
        f"{RESULTS}/logs/audit.log",
    localrule: True
    params:
        failure=f"{RESULTS}/failed/audit.json",
    message:
        f"audits of the submission folders: {RESULTS}/audit"
    script:
        "../workflow/scripts/audit.py"
