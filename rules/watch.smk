"""Targets beside a study: what every run is doing, what a launch would cost, which saved states nobody needs.

They print, and keep no lock.

in:  the records, logs and failure records of every run; squeue where there is one
out: results/<study>/partial/    the tables so far (status)
"""


rule status:
    input:
        beside_a_running_workflow,
    log:
        f"{RESULTS}/logs/status.log",
    localrule: True
    params:
        manifest=lambda wildcards: json.dumps(watched(layout, expected.label)),
        folder=f"{RESULTS}/partial",
    message:
        "status"
    script:
        "../workflow/scripts/status.py"


rule estimate:
    input:
        beside_a_running_workflow,
    log:
        f"{RESULTS}/logs/estimate.log",
    localrule: True
    params:
        study=lambda wildcards: json.dumps(timed(layout)),
        config=lambda wildcards: json.dumps(CONFIGURATION),
        snakefile=workflow.main_snakefile,
    message:
        "estimate"
    script:
        "../workflow/scripts/estimate.py"


rule clean:
    input:
        beside_a_running_workflow,
    log:
        f"{RESULTS}/logs/clean.log",
    localrule: True
    params:
        folder=f"{RESULTS}/state",
        current=lambda wildcards: json.dumps(resumable_states()),
    message:
        "clean"
    script:
        "../workflow/scripts/clean.py"


onsuccess:
    forget_old_states()
    tell_next_seeds()


onerror:
    show_partial_results()
