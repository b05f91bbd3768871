"""What is submitted: its folder, the size of its code, its runs.

in:  study, RESULTS
out: SUBMISSION, export_settings(), of_every_seed(), submitted_folders()
"""

from flowgolf.submission.one_file import bundle

SUBMISSION = f"{RESULTS}/submission/{{variant}}"


def export_settings(wildcards):
    """The settings of an export; the size of the generated train_gpt.py stands where they leave that of the code open."""
    chosen = study.stage_settings("export", wildcards.variant)
    if chosen["export"]["code_bytes"] is None:
        try:
            chosen["export"]["code_bytes"] = bundle.size_bytes()
        except ValueError as error:
            problem = (
                f"export.code_bytes: null counts the generated train_gpt.py, which cannot be made: {error}"
            )
            raise WorkflowError(problem) from None
    return json.dumps(chosen, sort_keys=True)


def of_every_seed(stage, path):
    """One output of a stage for every seed of a variant, in order: a function of the wildcards."""

    def paths(wildcards):
        owner = study.owner(stage, wildcards.variant)
        return [path.format(variant=owner, seed=seed) for seed in study.settings.seeds]

    return paths


def submitted_folders(wildcards):
    """submission.json of every submitted variant."""
    try:
        return [f"{SUBMISSION}/submission.json".format(variant=variant) for variant in study.submitted]
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
