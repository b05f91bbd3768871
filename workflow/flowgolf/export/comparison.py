"""How large an artifact would be in every codec; the generated train_gpt.py compares nothing and holds none of this."""

from typing import Any, get_args

from flowgolf.export.artifact import codings
from flowgolf.export.codec import Codec, Coding
from flowgolf.export.pack import Packer
from flowgolf.export.plan import Attempt
from flowgolf.export.record import attempt_record


def codec_records(packer: Packer, chosen: Attempt) -> list[dict[str, Any]]:
    """For each codec the attempt that its smallest coding of the chosen plan is; the integers are the same in all.

    `chosen` tells the codec of the artifact, `in_train_gpt` those that the generated train_gpt.py reads.
    """
    readable = {coding.codec for coding in codings_of(packer, "smallest")}
    found = []
    for codec in get_args(Codec):
        sizes = {coding: packer.size_bytes(chosen.plan, coding) for coding in codings_of(packer, codec)}
        coding = min(sizes, key=lambda each: sizes[each])
        record = attempt_record(packer, Attempt(chosen.plan, coding, sizes[coding]))
        found.append({**record, "chosen": codec == chosen.coding.codec, "in_train_gpt": codec in readable})
    return found


def codings_of(packer: Packer, codec: str) -> list[Coding]:
    """The codings that an export tries when it is asked for this codec."""
    return codings(packer.settings.model_copy(update={"codec": codec}))
