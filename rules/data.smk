"""Text to shards.

in:  the data block of the configuration, and the files of the user that it names
out: results/<study>/data/tokenizer.model      SentencePiece, trained on the training documents only
     results/<study>/data/data.json            shards with digests, documents, tokens, exact bytes
     results/<study>/data/shards/*.bin         the challenge's format; listed in data.json
     results/<study>/data/complete             that these are there; gone when one is found gone or changed
"""

from flowgolf.data.present import forget_damaged

SOURCE = files_of_the_user()  # by content: a file that is changed, added or gone makes the data again
DATA_SETTINGS = json.dumps(study.settings.data.model_dump(mode="json"), sort_keys=True)
COMPLETE = f"{RESULTS}/data/complete"

forget_damaged(layout.data, COMPLETE)


rule tokenizer:
    input:
        source=SOURCE,
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
    output:
        data=layout.data,
        complete=touch(COMPLETE),
    log:
        f"{RESULTS}/logs/tokens.log",
    threads: workflow.resource_settings.cores or 1
    params:
        settings=DATA_SETTINGS,
        code=code("tokens"),
        shards=f"{RESULTS}/data/shards",
        state=f"{RESULTS}/state/tokens",
        failure=f"{RESULTS}/failed/tokens.json",
    message:
        "text to shards"
    script:
        "../workflow/scripts/tokens.py"
