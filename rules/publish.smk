"""Pages that outlive a machine: a finished study to keep under version control, and the published one.

in:  the records of every run, the figures, results/<study>/bootstrap.json
out: docs/results/<study>/README.md      what was run, what it found, what it cannot say; its figures beside it
     results/published/tables.md         the published study through the same code
"""


rule result_page:
    input:
        manifest=rules.manifest.output.manifest,
        data=rules.tokens.output.data,
        records=all_records(),
        curves=rules.figures.input.curves,
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
        failure="results/published/failed.json",
    message:
        "tables of the published study"
    script:
        "../workflow/scripts/published.py"
