"""Calibration: what the matrices of a trained model are given on training data (docs/spec/export.md, X15)."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from flowgolf.data.dataset import Dataset
from flowgolf.export.artifact import Calibration, read_checkpoint
from flowgolf.export.settings import ExportSettings
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.scoring.precision import device_of, fastest_device, precision

PIECE_TOKENS = 16_384  # of a batch that go through the model at once: bounds the memory and changes no sum over tokens


class Product(NamedTuple):
    """A matrix that the model multiplies its inputs with, and the weights that it is made of."""

    matrix: Tensor
    names: tuple[str, ...]
    """Of weights whose rows it holds, as they are called on the model."""
    scale: float = 1.0
    """Constant that the matrix has taken in: the weights' inputs are the matrix's times this."""


class InputSums(TorchFunctionMode):
    """Inside, sums x x^T over the inputs x of every product with one of some matrices."""

    def __init__(self, products: list[Product]) -> None:
        """Nothing is summed yet."""
        super().__init__()
        self.products = {id(product.matrix): product for product in products}
        self.sums: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Note the input of a product, and do it."""
        if func is F.linear and id(args[1]) in self.products:
            self.add(id(args[1]), args[0])
        return func(*args, **(kwargs or {}))

    def add(self, key: int, inputs: Tensor) -> None:
        """Take in the inputs (..., columns) of one product, in float32."""
        with torch.autocast(inputs.device.type, enabled=False):
            rows = inputs.detach().reshape(-1, inputs.shape[-1]).float()
            own = rows.T @ rows
            self.sums[key] = self.sums[key].add_(own) if key in self.sums else own

    def by_name(self) -> Iterator[tuple[str, Tensor]]:
        """Each weight with the sum over its own inputs, on the CPU."""
        for key, total in self.sums.items():
            product = self.products[key]
            for name in product.names:
                yield name, (total * product.scale**2).cpu()


def products_of(gpt: GPT) -> list[Product]:
    """The matrices of a model whose weights are constant now: those of its blocks, and every plain linear layer."""
    found = []
    for index, block in enumerate(gpt.blocks):
        (queries, keys_values, attention_out), (up, down) = block.kept  # type: ignore[misc]
        place, scale = f"blocks.{index}", float(block.norm_scale)  # type: ignore[arg-type]
        found += [
            Product(queries, (f"{place}.attn.c_q.weight",), scale),
            Product(keys_values, (f"{place}.attn.c_k.weight", f"{place}.attn.c_v.weight"), scale),
            Product(attention_out, (f"{place}.attn.proj.weight",)),
            Product(up, (f"{place}.mlp.fc.weight",), scale),
            Product(down, (f"{place}.mlp.proj.weight",)),
        ]
    known = {name for product in found for name in product.names}
    for name, module in gpt.named_modules():
        if isinstance(module, nn.Linear) and f"{name}.weight" not in known:
            found.append(Product(module.weight, (f"{name}.weight",)))
    return found


def hessians(gpt: GPT, batches: Iterator[Tensor] | list[Tensor]) -> dict[str, Tensor]:
    """For each matrix by its name in files the sum of x x^T over its inputs x, over the number of batches, float32.

    Batches are token ids (rows, time). Rows of a looped block's passes all count; the head's matrix counts with the
    final hidden state as the head reads it.
    """
    found: dict[str, Tensor] = {}
    count = 0
    gpt.eval()
    with torch.inference_mode(), gpt.constant_weights(), precision(device_of(gpt)):
        head = "tok_emb.weight" if gpt.lm_head is None else "lm_head.weight"
        sums = InputSums([*products_of(gpt), Product(gpt.get_parameter(head), (head,))])
        for batch in batches:
            count += 1
            for piece in torch.split(batch.to(device_of(gpt)), max(1, PIECE_TOKENS // batch.shape[1])):
                with sums:
                    final = head_input(gpt, piece)
                sums.add(id(gpt.get_parameter(head)), final)
        for name, total in sums.by_name():
            found[gpt.known[name].saved_as] = total / count
    return found


def head_input(gpt: GPT, input_ids: Tensor) -> Tensor:
    """What the output head's matrix multiplies, (rows, time, columns)."""
    return gpt.head_input(gpt.hidden(input_ids))


class TrainingBatches:
    """Batches of training data that begin at equal distances over all shards, and which shards they are read from."""

    def __init__(self, data: Dataset, count: int, rows: int, seq_len: int) -> None:
        """`count` batches of `rows` rows of `seq_len` tokens."""
        self.tokens, self.shape, self.data = data.train, (rows, seq_len), data
        self.starts = [batch * len(self.tokens) // count for batch in range(count)]

    def __iter__(self) -> Iterator[Tensor]:
        """The batches, int64 (rows, seq_len)."""
        size = self.shape[0] * self.shape[1]
        for start in self.starts:
            yield torch.from_numpy(self.tokens.read_wrapping(start, size).astype("int64")).view(self.shape)

    def digests(self) -> list[str]:
        """SHA-256 of every shard that a batch reads of, in order."""
        shards, total, size = self.data.record["train"]["shards"], len(self.tokens), self.shape[0] * self.shape[1]
        ends = list(accumulate(shard["tokens"] for shard in shards))
        return [
            shard["sha256"]
            for shard, end in zip(shards, ends, strict=True)
            if any(end - shard["tokens"] < start + size - wrap and start - wrap < end
                   for start in self.starts for wrap in range(0, start + size, total))
        ]  # fmt: skip


def calibrate(checkpoint_path: str | Path, data_json: str | Path, settings: ExportSettings) -> Calibration:
    """Hessians of a checkpoint's quantised matrices over `settings.calibration_batches` of the training data.

    ValueError for a model of another vocabulary, or a validation shard among those read (rule 7 of
    docs/spec/legality.md).
    """
    began = time.monotonic()
    model, tensors, _ = read_checkpoint(checkpoint_path)
    gpt, data = GPT(ModelSettings.model_validate(model)), Dataset.open(data_json)
    gpt.load_state_dict(tensors)
    if gpt.settings.vocab_size != data.vocab_size:
        raise ValueError(
            f"{checkpoint_path}: calibration: the model has a vocabulary of {gpt.settings.vocab_size} pieces, the "
            f"data's tokenizer {data.vocab_size}"
        )
    count, rows = settings.calibration_batches, settings.calibration_rows
    batches = TrainingBatches(data, count, rows, gpt.settings.seq_len)
    shards = unseen_shards(batches, data)
    gpt.to(fastest_device())
    limit = settings.passthrough_max_elements
    found = {name: each for name, each in hessians(gpt, iter(batches)).items() if tensors[name].numel() > limit}
    record = {"batches": count, "rows": rows, "tokens": count * rows * gpt.settings.seq_len, "shards": shards,
              "tensors": sorted(found), "seconds": round(time.monotonic() - began, 3)}  # fmt: skip
    return Calibration(found, record)


def unseen_shards(batches: TrainingBatches, data: Dataset) -> list[str]:
    """Digests of the shards that the batches are read from; one of the validation set is a ValueError."""
    shards = batches.digests()
    if shared := sorted(set(shards) & {shard["sha256"] for shard in data.record["validation"]["shards"]}):
        raise ValueError(f"rule 7, validation unseen: calibration would read a validation shard, SHA-256 {shared[0]}")
    return shards
