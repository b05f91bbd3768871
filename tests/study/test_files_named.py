"""Files that a study names are looked at before any job."""

import pytest

from flowgolf.study.errors import ConfigError
from flowgolf.study.files_named import check_files
from flowgolf.study.study import Study


def test_a_checkpoint_that_is_not_there_is_named(config, tmp_path):
    config["imports"] = {"old": {"checkpoint": str(tmp_path / "old.pt"), "seed": 1}}
    with pytest.raises(ConfigError, match=r"imports.old.checkpoint: no file .*old.pt"):
        check_files(Study(config))
    (tmp_path / "old.pt").touch()
    check_files(Study(config))


def test_a_ready_tokenizer_of_another_size_is_told(config, tmp_path):
    from sentencepiece import SentencePieceTrainer

    text = tmp_path / "text.txt"
    text.write_text("a b c\n" * 100)
    SentencePieceTrainer.train(
        input=str(text), model_prefix=str(tmp_path / "small"), vocab_size=264, byte_fallback=True, model_type="bpe",
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    config["data"]["tokenizer_model"] = str(tmp_path / "small.model")
    with pytest.raises(
        ConfigError, match=r"base.model.vocab_size: 1024, but .*small.model \(data.tokenizer_model\) has"
    ):
        check_files(Study(config))
    (tmp_path / "small.model").write_text("no tokenizer at all")
    check_files(Study(config))
