"""Which blocks fall from int6 to int5, and the search for the fewest that fit (docs/spec/export.md, X8)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgolf.export.codec import Coding
from flowgolf.export.settings import Bits
from flowgolf.files import read_json, write_json

Plan = dict[int, Bits]
LOWERED: Bits = 5  # bits of a block that the search takes bits from
PUBLISHED: Bits = 6


@dataclass(frozen=True)
class Attempt:
    """One plan in one coding."""

    plan: Plan
    coding: Coding
    bytes_weights: int

    @property
    def int5_layers(self) -> list[int]:
        """Blocks in int5, ascending."""
        return int5_layers(self.plan)


class DoesNotFitError(ValueError):
    """No attempt met the cap."""


def int5_layers(plan: Plan) -> list[int]:
    """Blocks in int5, ascending."""
    return sorted(layer for layer, bits in plan.items() if bits == LOWERED)


def downgrade_order(num_layers: int) -> list[int]:
    """Blocks from the middle outward: mid, mid+1, mid-1, mid+2, ... with mid = num_layers // 2."""
    middle = num_layers // 2
    return sorted(range(num_layers), key=lambda layer: (abs(layer - middle), -layer))


def plans(num_layers: int, bits: Bits = PUBLISHED) -> Iterator[Plan]:
    """Every block at `bits`, then one more int5 block each time; int5 saves nothing where `bits` are no more."""
    order = downgrade_order(num_layers)
    for num_int5 in range(num_layers + 1 if bits > LOWERED else 1):
        yield {layer: LOWERED if layer in order[:num_int5] else bits for layer in range(num_layers)}


def forced_plan(num_layers: int, forced: Mapping[int, Bits], bits: Bits = PUBLISHED) -> Plan:
    """The plan that a user asks for; blocks not mentioned have `bits`, blocks that do not exist are a ValueError."""
    unknown = sorted(set(forced) - set(range(num_layers)))
    if unknown:
        raise ValueError(
            f"plan: block {unknown[0]} does not exist; the model has {num_layers} blocks, 0 to {num_layers - 1}"
        )
    return {layer: forced.get(layer, bits) for layer in range(num_layers)}


def candidate_plans(num_layers: int, forced: Mapping[int, Bits] | str | None, bits: Bits = PUBLISHED) -> Iterator[Plan]:
    """The plans to try: the forced one alone, or all of them. `bits` are those of a block that no plan mentions."""
    assert not isinstance(forced, str)
    return plans(num_layers, bits) if forced is None else iter([forced_plan(num_layers, forced, bits)])


def search(
    candidates: Iterable[Plan],
    codings: Sequence[Coding],
    size_bytes: Callable[[Plan, Coding], int],
    room_bytes: int,
    smallest: bool = False,
) -> tuple[Attempt, list[Attempt]]:
    """First attempt of at most `room_bytes`, every coding of a plan before the next plan, and all attempts made.

    With `smallest` all codings of a plan are tried and the smallest of them counts. If none fits, DoesNotFitError tells
    the smallest attempt and what it lacks.
    """
    attempts: list[Attempt] = []
    for plan in candidates:
        of_plan: list[Attempt] = []
        for coding in codings:
            of_plan.append(Attempt(plan, coding, size_bytes(plan, coding)))
            if of_plan[-1].bytes_weights <= room_bytes and not smallest:
                break
        attempts += of_plan
        best = min(of_plan, key=lambda attempt: attempt.bytes_weights)
        if best.bytes_weights <= room_bytes:
            return best, attempts
    raise DoesNotFitError(shortfall(min(attempts, key=lambda attempt: attempt.bytes_weights), room_bytes))


def shortfall(best: Attempt, room_bytes: int) -> str:
    """What the smallest attempt lacks, in words."""
    shown = ", ".join(map(str, best.int5_layers)) or "none"
    level_shown = "" if best.coding.level is None else f" at level {best.coding.level}"
    return (
        f"the weights do not fit: the best plan tried (int5 blocks: {shown}{level_shown}) makes "
        f"{best.bytes_weights} bytes, {best.bytes_weights - room_bytes} more than the {room_bytes} left beside the code"
    )


def neediest_plan(records: Iterable[Mapping[str, Any]]) -> Plan:
    """Plan with the most int5 blocks among export records (the first of equals): `plan` for a matched comparison."""
    read = [{int(layer): bits for layer, bits in record["plan"].items()} for record in records]
    if not read:
        raise ValueError("matched plan: no export records to compare")
    return max(read, key=lambda plan: len(int5_layers(plan)))


def match_plan(record_paths: Sequence[str | Path], plan_path: str | Path) -> None:
    """Rule `match_plan`: write the plan that all arms of a matched comparison are exported with, as {"plan": ...}."""
    plan = neediest_plan(read_json(path) for path in record_paths)
    write_json(plan_path, {"plan": {str(layer): bits for layer, bits in plan.items()}})


def read_plan(path: str | Path) -> Plan:
    """The plan that `match_plan` wrote."""
    return {int(layer): bits for layer, bits in read_json(path)["plan"].items()}
