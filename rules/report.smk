"""What people read, from the records of all runs.

in:  the results of every run, found through results/<study>/runs.json
out: results/<study>/runs.json                         which declared run finds its records where, and their digests
     results/<study>/study.yaml                        the study in one file, with what it extends
     results/<study>/claims.json                       every look at every claim, and which seeds come next
     results/<study>/tables/*.{csv,md,tex}, summary.md
     results/<study>/figures/*.{png,svg}
     results/<study>/report.html                       question, tables, figures, provenance, checks; opens offline
     results/<study>/snakemake_report.html             the same inside Snakemake's own report: code, settings, times
     docs/results/<study>/README.md                    on request: a finished study as a page to keep under version control
     results/published/tables.md                       on request: the published study through the same code
"""

from flowgolf.report.results.names import figure_names, table_names

MANIFEST = json.dumps(manifest(layout, expected.label), sort_keys=True)
PUBLISHED = CHECKOUT / "resources" / "published"


rule every_result:
    input:
        every_result,
    message:
        f"every result of the study, without tables: {RESULTS}/runs"


rule manifest:
    input:
        origins=results_in_one_folder,
    output:
        manifest=f"{RESULTS}/runs.json",
        study=f"{RESULTS}/study.yaml",
    log:
        f"{RESULTS}/logs/manifest.log",
    params:
        study=lambda wildcards, input: json.dumps(CONFIGURATION),
        manifest=lambda wildcards, input: MANIFEST,  # the digest reruns the job; a reason of 30 KB helps nobody
        digest=f"{provenance.digest(MANIFEST)} {code('manifest')}",
        failure=f"{RESULTS}/failed/manifest.json",
    message:
        "list of declared runs"
    script:
        "../workflow/scripts/manifest.py"


rule claims:
    input:
        manifest=rules.manifest.output.manifest,
    output:
        record=f"{RESULTS}/{rounds.RECORD}",
    log:
        f"{RESULTS}/logs/claims.log",
    params:
        made_from=CLAIMED,
        code=code("claims"),
        failure=f"{RESULTS}/failed/claims.json",
    message:
        "claims"
    script:
        "../workflow/scripts/claims.py"


rule tables:
    input:
        manifest=rules.manifest.output.manifest,
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
            for name in table_names(
                study.settings.sweeps, study.settings.report.matched_plan, bool(study.settings.claims)
            )
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


rule page:
    input:
        manifest=rules.manifest.output.manifest,
        study=rules.manifest.output.study,
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
        study=rules.manifest.output.study,  # with what the command line overrides, unlike the files that it names
    output:
        page=f"{RESULTS}/snakemake_report.html",
    log:
        f"{RESULTS}/logs/report.log",
    params:
        # another path changes nothing: a params function that takes `input` never reruns a job
        snakefile=lambda wildcards, input: workflow.main_snakefile,
    message:
        "Snakemake's report"
    shell:
        "snakemake --snakefile {params.snakefile:q} --nolock --quiet all --configfile {input.study:q}"
        " --report {output.page:q} -- tables page 2> {log:q}"


rule result_page:
    input:
        manifest=rules.manifest.output.manifest,
        data=rules.tokens.output.data,
        figures=rules.figures.output,
        bootstrap=rules.bootstrap.output.record,
    output:
        page=f"docs/results/{study.settings.name}/README.md",
    log:
        f"{RESULTS}/logs/result_page.log",
    params:
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        configfile=lambda wildcards: " ".join(os.path.relpath(path) for path in workflow.configfiles),
        code=code("result_page"),
        failure=f"{RESULTS}/failed/result_page.json",
    message:
        "result page"
    script:
        "../workflow/scripts/result_page.py"


rule published:
    input:
        [PUBLISHED / name for name in ("runs.csv", "trajectory.csv", "printed.csv")],
    output:
        tables="results/published/tables.md",
    log:
        "results/published/tables.log",
    params:
        code=code("published"),
        failure="results/published/failed/published.json",
    message:
        "tables of the published study"
    script:
        "../workflow/scripts/published.py"
