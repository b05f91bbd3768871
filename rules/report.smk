"""Tables and figures from the records of all runs.

in:  the records of every run, found through results/<study>/runs.json
out: results/<study>/runs.json                         which declared run finds its records where
     results/<study>/tables/*.{csv,md,tex}, summary.md
     results/<study>/figures/*.{png,svg}
"""

from flowgolf.report.results.names import figure_names, table_names

MANIFEST = manifest_text()
PUBLISHED = Path(workflow.basedir, "resources", "published")


rule manifest:
    output:
        manifest=f"{RESULTS}/runs.json",
    log:
        f"{RESULTS}/logs/manifest.log",
    params:
        manifest=lambda wildcards, input: MANIFEST,  # the digest reruns the job; a reason of 30 KB helps nobody
        digest=sha256(MANIFEST.encode()).hexdigest(),
        code=code("manifest"),
        failure=f"{RESULTS}/failed/manifest.json",
    message:
        "list of declared runs"
    script:
        "../workflow/scripts/manifest.py"


rule tables:
    input:
        manifest=rules.manifest.output.manifest,
        records=all_records(),
        curves=stage_outputs("train", rules.train.output.curve),
        published=[PUBLISHED / "runs.csv", PUBLISHED / "trajectory.csv"],
    output:
        [
            (
                report(
                    f"{RESULTS}/tables/{name}", category="Tables", caption="../workflow/report/tables.rst"
                )
                if name.endswith(".html")
                else f"{RESULTS}/tables/{name}"
            )
            for name in table_names(study.settings.sweeps, study.settings.report.matched_plan)
        ],
    log:
        f"{RESULTS}/logs/tables.log",
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        code=code("tables"),
        failure=f"{RESULTS}/failed/tables.json",
    message:
        "tables"
    script:
        "../workflow/scripts/tables.py"


rule figures:
    input:
        manifest=rules.manifest.output.manifest,
        records=all_records(),
        curves=[
            *stage_outputs("train", rules.train.output.curve),
            *stage_outputs("legal_ttt", rules.legal_ttt.output.curve),
        ],
    output:
        [
            (
                report(
                    f"{RESULTS}/figures/{name}", category="Figures", caption="../workflow/report/figures.rst"
                )
                if name.endswith(".svg")
                else f"{RESULTS}/figures/{name}"
            )
            for name in figure_names(study.settings.sweeps)
        ],
    log:
        f"{RESULTS}/logs/figures.log",
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        code=code("figures"),
        failure=f"{RESULTS}/failed/figures.json",
    message:
        "figures"
    script:
        "../workflow/scripts/figures.py"
