"""One code and one set of settings for all seeds."""

import base64
import lzma
import zlib
from typing import Any

CODE = 20_000


def test_a_setting_that_only_one_seed_has(block_record: Any) -> None:
    block_record.edit(7, "  matrix_lr: 0.022\n", "  matrix_lr: 0.022\n  ttt_hash_embed: True\n")
    finding = block_record.one("error", "settings")
    assert finding.text == (
        "ttt_hash_embed is not the same for all seeds: train_seed7.log: True; train_seed11.log: not there; "
        "train_seed13.log: not there"
    )
    assert [str(place) for place in finding.places] == ["train_seed7.log:7"]


def test_a_setting_with_another_value(record: Any) -> None:
    record.edit(11, "train_seq_len:2048", "train_seq_len:1024")
    text = record.one("error", "settings").text
    assert text == (
        "train_seq_len is not the same for all seeds: train_seed7.log: 2048; train_seed11.log: 1024; "
        "train_seed13.log: 2048"
    )


def test_a_setting_of_this_projects_own_logs(own_record: Any) -> None:
    own_record.edit(13, "'buckets': 4096", "'buckets': 2048")
    assert "model.bigram.buckets is not the same" in own_record.one("error", "settings").text


def test_what_belongs_to_one_run_may_differ(block_record: Any) -> None:
    for seed in block_record.logs:
        block_record.edit(
            seed, "  eval_stride: 64\n", f"  eval_stride: 64\n  checkpoint: /runs/{seed}/model_{seed}.pt\n"
        )
    assert block_record.found("error", "settings") == []


def test_a_seed_is_not_taken_out_of_other_numbers(block_record: Any) -> None:
    block_record.edit(7, "  eval_stride: 64\n", "  eval_stride: 64\n  layers: 7\n")
    block_record.edit(11, "  eval_stride: 64\n", "  eval_stride: 64\n  layers: 11\n")
    block_record.edit(13, "  eval_stride: 64\n", "  eval_stride: 64\n  layers: 13\n")
    assert "layers is not the same" in block_record.one("error", "settings").text


def test_a_list_with_the_seed_in_it_is_the_same(block_record: Any) -> None:
    block_record.edit_all("  eval_stride: 64\n", "  eval_stride: 64\n  blocks: [a, 7, 11, 13]\n")
    assert block_record.found("error", "settings") == []


def test_many_differences_are_cut_short(block_record: Any) -> None:
    more = "".join(f"  setting_{index}: 1\n" for index in range(20))
    block_record.edit(7, "  eval_stride: 64\n", "  eval_stride: 64\n" + more)
    texts = [each.text for each in block_record.found("error", "settings")]
    assert len(texts) == 9
    assert any(text.startswith("12 further settings differ: setting_8, setting_9") for text in texts)


def test_versions_and_devices_that_differ(record: Any) -> None:
    gpu = "|   0  NVIDIA H100 80GB HBM3          On  |   00000000:19:00.0 Off |                    0 |\n"
    for seed in record.logs:
        record.logs[seed] = f"Running PyTorch 2.9.1+cu128\n{gpu}{record.logs[seed]}"
    assert record.found("warning", "settings") == []
    record.edit(7, "PyTorch 2.9.1", "PyTorch 2.8.0")
    record.edit(7, "H100 80GB HBM3", "A100-SXM4-40GB")
    texts = {each.text for each in record.found("warning", "settings")}
    assert "PyTorch is not the same in all logs: 2.9.1+cu128 and 2.8.0+cu128" in texts
    assert "the device is not the same in all logs: NVIDIA H100 80GB HBM3 and NVIDIA A100-SXM4-40GB" in texts


def test_a_log_of_another_experiment_is_not_compared(record: Any) -> None:
    """A second training of seed 7, whose figures nobody claims, differs in everything."""
    record.write("baseline_seed7.log", record.logs[7].replace("2048", "1024").replace("1.1001", "1.2001"))
    assert record.found("error", "settings") == []
    assert "2 trainings of seed 7: which one counts?" in record.one("warning", "seeds").text
    assert [str(place) for place in record.one("note", "log").places] == ["baseline_seed7.log"]


SOURCE = "import os\n" + "".join(f"def part_{index}(x):\n    return x + {index}\n" for index in range(40))


def test_the_listing_of_a_log_and_the_script(record: Any) -> None:
    record.write("train_gpt.py", SOURCE.ljust(CODE, "#"))
    for seed in record.logs:
        record.logs[seed] = SOURCE.ljust(CODE, "#") + "\n" + "=" * 100 + "\n" + record.logs[seed]
    assert record.found("warning", "code") == []
    record.write("train_gpt.py", SOURCE.replace("x + 5\n", "x - 5\n").ljust(CODE, "#"))
    finding = record.found("warning", "code")[0]
    assert "1 of 82 lines of train_gpt.py are not in the listing that train_seed11.log printed" in finding.text
    assert [str(place) for place in finding.places] == ["train_gpt.py:13", "train_seed11.log"]


def test_a_listing_sets_nothing(record: Any) -> None:
    """Arguments and defaults of a listing look like settings."""
    code = "seed: int = 99\ntrain_seq_len=args.train_seq_len,\n    stride=1\nval_bpb = score  # 0.5\n# val_bpb: 0.4\n"
    for seed in record.logs:
        record.logs[seed] = code + record.logs[seed]
    found = record.audit()
    assert found.counts["error"] == found.counts["warning"] == 0
    assert found.case.logs[0].settings["train_seq_len"].text == "2048"
    assert {log.seed.value for log in found.case.logs if log.seed} == {7, 11, 13}


DEFAULTS = (
    'import os\nlr = float(os.environ.get("MATRIX_LR", 0.02))\nstride = int(os.environ.get("EVAL_STRIDE", "64"))\n'
)


def test_settings_that_are_not_the_scripts_defaults(block_record: Any) -> None:
    block_record.write("train_gpt.py", DEFAULTS.ljust(CODE, "#"))
    text = block_record.one("note", "code-settings").text
    assert (
        "ran with 1 settings that are not the script's defaults, and no README says so: matrix_lr 0.022 (default 0.02)"
        in text
    )
    block_record.write("README.md", "MATRIX_LR=0.022 torchrun train_gpt.py\n")
    assert block_record.found("note", "code-settings") == []


def packed(source: str, how: str) -> str:
    """A script that holds a source in a string, as people write it."""
    filters = [{"id": lzma.FILTER_LZMA2}]
    data = {
        "LZMA": lambda: lzma.compress(source.encode()),
        "raw LZMA": lambda: lzma.compress(source.encode(), format=lzma.FORMAT_RAW, filters=filters),
        "zlib": lambda: zlib.compress(source.encode()),
    }[how]()
    return f'import lzma,base64\nexec(lzma.decompress(base64.b85decode("{base64.b85encode(data).decode()}")))\n'


def noise() -> str:
    """Text that does not compress to a short string."""
    return "".join(f"# {index * index % 9973:x}\n" for index in range(400))


def test_wrapped_code_is_read_for_its_size_and_its_settings(block_record: Any) -> None:
    for how in ("LZMA", "raw LZMA", "zlib"):
        block_record.write("train_gpt.py", packed(DEFAULTS + noise(), how))
        texts = {each.text for each in block_record.found("note", "code")}
        size = len((DEFAULTS + noise()).encode())
        assert any(f"hold {size:,} bytes of source (base 85, {how}); read, not run" in text for text in texts)
        assert "matrix_lr 0.022 (default 0.02)" in block_record.one("note", "code-settings").text


def test_base_64_and_two_layers(block_record: Any) -> None:
    inner = packed(DEFAULTS + noise(), "LZMA")
    data = base64.b64encode(zlib.compress(inner.encode())).decode()
    block_record.write("train_gpt.py", f'import zlib,base64\nexec(zlib.decompress(base64.b64decode("{data}")))\n')
    assert len(block_record.found("note", "code")) == 2
    assert "matrix_lr 0.022 (default 0.02)" in block_record.one("note", "code-settings").text
