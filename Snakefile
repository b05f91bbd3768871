"""An ablation study of a small language model: text -> runs -> artifacts -> scores -> tables and report.

configuration: config/config.yaml (the quick study), or any other study with --configfile FILE
targets:       all (default), every_result, tables, figures, page, result_page, submission, audit,
               status (also beside a running workflow), estimate
"""

if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"  # in the order in which the stages run
include: "rules/cluster.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/export.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/submission.smk"
include: "rules/watch.smk"


rule all:
    default_target: True
    input:
        rules.tokens.output,  # named, so that whatever is deleted is made again
        every_result,
        rules.tables.output,
        rules.figures.output,
        rules.report.output,
        rules.claims.output if study.settings.claims else [],
    message:
        f"the study is complete: {RESULTS}/report.html"
