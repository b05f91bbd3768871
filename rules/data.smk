"""Text to shards.

in:  the data block of the configuration, and the files of the user that it names
out: results/<study>/data/hub.json             source `hub`: its files on this machine, downloaded by the main process
     results/<study>/data/tokenizer.model      SentencePiece, trained on the training documents only
     results/<study>/data/data.json            shards with digests, documents, tokens, exact bytes
     results/<study>/data/shards/*.bin         the challenge's format; listed in data.json
"""

from flowgolf.data.present import forget_damaged

SOURCE = files_of_the_user()  # by content: a file that is changed, added or gone makes the data again
DATA_SETTINGS = json.dumps(study.settings.data.model_dump(mode="json"), sort_keys=True)

HUB = f"{RESULTS}/data/hub.json"
FROM_HUB = [HUB] if study.settings.data.source == "hub" else []

if workflow.is_main_process:  # a node may see files late
    forget_damaged(layout.data, HUB)


rule download:
    output:
        record=HUB,
    log:
        f"{RESULTS}/logs/download.log",
    localrule: True  # nodes of a cluster often see no internet
    params:
        settings=DATA_SETTINGS,
        code=code("download"),
        failure=f"{RESULTS}/failed/download.json",
    message:
        "the export from the hub"
    script:
        "../workflow/scripts/download.py"


rule tokenizer:
    input:
        source=SOURCE,
        hub=FROM_HUB,
    output:
        model=f"{RESULTS}/data/tokenizer.model",
    log:
        f"{RESULTS}/logs/tokenizer.log",
    params:
        settings=DATA_SETTINGS,
        code=code("tokenizer"),
        failure=f"{RESULTS}/failed/tokenizer.json",
    message:
        "tokenizer from the training documents"
    script:
        "../workflow/scripts/tokenizer.py"


rule tokens:
    input:
        tokenizer=rules.tokenizer.output.model,
        source=SOURCE,
        hub=FROM_HUB,
    output:
        **({} if SHARED else {"shards": directory(layout.shards)}),  # data.json says what lies there
        data=layout.data,
    log:
        f"{RESULTS}/logs/tokens.log",
    threads: workflow.resource_settings.cores or 1
    params:
        settings=DATA_SETTINGS,
        code=code("tokens"),
        shards=lambda wildcards, output: Path(output.data).with_name("shards"),
        state=f"{RESULTS}/state/tokens",
        failure=f"{RESULTS}/failed/tokens.json",
    message:
        "text to shards"
    script:
        "../workflow/scripts/tokens.py"
