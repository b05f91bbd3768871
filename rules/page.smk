"""One self-contained page from the records of all runs, and Snakemake's own report of the study.

in:  the records of every run, found through results/<study>/runs.json
     results/<study>/figures/*.{png,svg}
out: results/<study>/report.html                       question, tables, figures, provenance, checks; opens offline
     results/<study>/snakemake_report.html             the same inside Snakemake's own report: code, settings, times
"""


rule page:
    input:
        manifest=rules.manifest.output.manifest,
        records=all_records(),
        curves=rules.figures.input.curves,
        checks=[
            *stage_outputs("sliding", rules.sliding.output.checks),
            *stage_outputs("legal_ttt", rules.legal_ttt.output.checks),
        ],
        figures=rules.figures.output,
        published=[PUBLISHED / "runs.csv", PUBLISHED / "trajectory.csv"],
    output:
        page=report(f"{RESULTS}/report.html", category="Report", caption="../workflow/report/page.rst"),
    log:
        f"{RESULTS}/logs/page.log",
    params:
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        code=code("page"),
        failure=f"{RESULTS}/failed/page.json",
    message:
        "report page"
    script:
        "../workflow/scripts/page.py"


rule report:
    input:
        rules.page.output.page,
        rules.tables.output,
    output:
        page=f"{RESULTS}/snakemake_report.html",
    log:
        f"{RESULTS}/logs/report.log",
    params:
        # another path for one study changes nothing: a params function that takes `input` never reruns a job
        configfiles=lambda wildcards, input: " ".join(str(path) for path in workflow.configfiles),
    message:
        "Snakemake's report"
    shell:
        "snakemake --nolock --quiet all --configfile {params.configfiles}"
        " --report {output.page} -- tables page 2> {log}"
