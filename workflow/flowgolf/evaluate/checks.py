"""The rules of docs/spec/legality.md that one evaluation can break: functions that raise `CheckError`.

A check returns one sentence of evidence; `flowgolf.evaluate.verify` runs them all.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from flowgolf.data.byte_count import ByteTable, load_processor
from flowgolf.data.dataset import Dataset
from flowgolf.data.documents import counted_and_decoded, pieces
from flowgolf.data.repeats import Repeats
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.files import sha256
from flowgolf.model.gpt import GPT
from flowgolf.scoring.ledger import Event, training_rounds
from flowgolf.scoring.precision import device_of, precision, precision_on
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.score import Score

CONTEXT_TOKENS = 8
SUM_TOLERANCE = {"float32": 1e-4, "bfloat16": 1e-2}
NATS_TOLERANCE = {"float32": 1e-5, "bfloat16": 0.1}
"""Largest difference of one position's nats that is rounding, by the arithmetic of scoring."""
MEAN_TOLERANCE = {"float32": 0.0, "bfloat16": 2e-3}
"""Largest mean of the differences between two computations of the same nats. In float32 they are the same bits: the
kernels of a CPU repeat. Those of a GPU need not, in the training of TTT above all, and round to bfloat16."""
MAX_CHECKED_BYTES = 1_000_000


class CheckError(RuntimeError):
    """A rule that a trustworthy figure must keep is broken."""


def causal_model(gpt: GPT, tokens: np.ndarray) -> str:
    """Rule 1: changing token t and all later inputs leaves the losses of tokens up to t alone.

    To the bit in float32, within NATS_TOLERANCE and MEAN_TOLERANCE in bfloat16.
    """
    ids = torch.from_numpy(tokens.astype(np.int64)).to(device_of(gpt))
    inputs, targets = ids[None, :-1], ids[None, 1:]
    length = inputs.shape[1]
    with torch.inference_mode(), precision(device_of(gpt)):
        before = gpt.token_losses(inputs, targets)
        places = sorted({1, length // 3, 2 * length // 3, length - 1} - {0})
        for place in places:
            changed = inputs.clone()
            changed[:, place:] = (changed[:, place:] + 1) % gpt.settings.vocab_size
            after = gpt.token_losses(changed, targets)
            if differing(before[:, :place].cpu().numpy(), after[:, :place].cpu().numpy(), ids.device) is not None:
                raise CheckError(f"rule 1, causal: changing tokens from {place} on changes the losses before it")
    return f"losses up to token t are {same(ids.device)} when tokens from t on change, t in {places}"


def differing(before: np.ndarray, after: np.ndarray, device: torch.device) -> int | None:
    """The position whose nats differ most between two computations on a device, beyond rounding; None where none do."""
    name = precision_on(device)
    differences = np.abs(before.astype(np.float64) - after).ravel()
    if not MEAN_TOLERANCE[name]:
        return int(np.flatnonzero(differences != 0)[0]) if differences.any() else None
    small = not differences.size or (
        differences.max() <= NATS_TOLERANCE[name] and differences.mean() <= MEAN_TOLERANCE[name]
    )
    return None if small else int(differences.argmax())


def same(device: torch.device) -> str:
    """What two computations of the same nats on a device have to be, in words."""
    name = precision_on(device)
    if not MEAN_TOLERANCE[name]:
        return "the same bits"
    return f"the same within {NATS_TOLERANCE[name]} nats ({name}), {MEAN_TOLERANCE[name]} on average,"


def full_distribution(gpt: GPT, tokens: np.ndarray) -> str:
    """Rule 2: the probabilities that scoring gives to every token of the vocabulary sum to 1."""
    vocab_size, device = gpt.settings.vocab_size, device_of(gpt)
    starts = np.random.default_rng(0).integers(0, len(tokens) - CONTEXT_TOKENS + 1, size=2)
    every_token = torch.arange(vocab_size, device=device)
    sums = []
    for start in starts:
        context = torch.from_numpy(tokens[start : start + CONTEXT_TOKENS].astype(np.int64)).to(device)
        with torch.inference_mode(), precision(device_of(gpt)):
            targets = every_token[:, None].expand(-1, CONTEXT_TOKENS)  # (vocab, context)
            nats = gpt.token_losses(context.expand(vocab_size, -1), targets, last=1)
        sums.append(float(torch.exp(-nats.double()).sum()))
    worst = max(abs(value - 1) for value in sums)
    if not worst <= SUM_TOLERANCE[precision_on(device)]:
        raise CheckError(f"rule 2, full distribution: the probabilities of all tokens sum to {sums}")
    return f"probabilities of all {vocab_size} tokens sum to 1 within {worst:.1e} at {len(sums)} random places"


def score_before_update(events: Sequence[Event]) -> str:
    """Rule 3: in the event log, every target of an update was scored before it."""
    scored: list[tuple[int, int]] = []
    for kind, begin, end, _ in events:
        if kind == "score":
            scored = merged([*scored, (begin, end)])
        elif not any(first <= begin and end <= last for first, last in scored):
            raise CheckError(f"rule 3, score before update: training on [{begin}, {end}) before all of it was scored")
    return f"each of {training_rounds(events)} rounds of training follows the scoring of its targets"


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same positions as few spans, ascending."""
    result: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return result


def scored_once(times_scored: np.ndarray, begin: int, end: int) -> str:
    """Rule 4: every position of `[begin, end)` was scored exactly once, and no other was."""
    expected = np.zeros_like(times_scored)
    expected[begin:end] = 1
    wrong = np.flatnonzero(times_scored != expected)
    if len(wrong):
        position = int(wrong[0])
        raise CheckError(
            f"rule 4, each position once: position {position} was scored {times_scored[position]} times, "
            f"as one of {len(wrong)} with a wrong count"
        )
    return f"each position of [{begin}, {end}) was scored once"


def no_update_after_last_score(events: Sequence[Event]) -> str:
    """Rule 5: nothing was trained after the last scoring."""
    if events[-1].kind != "score":
        raise CheckError("rule 5, no update after the last score: the event log ends with training")
    return "the event log ends with scoring"


def artifact_is_scored(artifact_path: str, recorded_sha256: str, referees: Iterable[Referee]) -> str:
    """Rule 6: the file still has the recorded SHA-256, and its weights are the first links of every chain."""
    if sha256(artifact_path) != recorded_sha256:
        raise CheckError(f"rule 6, the artifact is scored: {artifact_path} is not the file that was loaded")
    read_again = load_gpt(artifact_path)[0]
    if any(referee.chain.digest_of(read_again) != referee.chain.first for referee in referees):
        raise CheckError(f"rule 6, the artifact is scored: the weights scored are not those of {artifact_path}")
    return f"scoring began with the weights of the file with SHA-256 {recorded_sha256[:12]}"


def validation_unseen(training_shards: Sequence[str], validation_shards: Sequence[str]) -> str:
    """Rule 7: no validation shard is among the training shards; both by SHA-256."""
    shared = sorted(set(training_shards) & set(validation_shards))
    if shared:
        raise CheckError(f"rule 7, validation unseen: a validation shard is read in training, SHA-256 {shared[0]}")
    return f"none of {len(validation_shards)} validation shards is among {len(training_shards)} training shards"


def whole_validation_set(score: Score, num_tokens: int, num_bytes: int, max_positions: int | None) -> str:
    """Rule 8: tokens and bytes scored are all there are; less only if `max_positions` asked for it.

    `num_bytes` are those of the positions that were to be scored, counted apart from the score.
    """
    if max_positions is not None and max_positions < num_tokens - 1:
        if score.tokens != max_positions:
            raise CheckError(f"rule 8, whole validation set: {score.tokens} scored of {max_positions} asked for")
        if score.bytes != num_bytes:
            raise CheckError(
                f"rule 8, whole validation set: {score.bytes} bytes in the first {max_positions} positions, "
                f"whose tokens have {num_bytes}"
            )
        return f"partial: the first {max_positions} of {num_tokens - 1} positions, as asked for"
    if (score.tokens, score.bytes) != (num_tokens - 1, num_bytes):
        raise CheckError(
            f"rule 8, whole validation set: scored {score.tokens} positions and {score.bytes} bytes, "
            f"the data record has {num_tokens - 1} and {num_bytes}"
        )
    return f"all {score.tokens} positions and {score.bytes} bytes of the data record"


def bytes_exact(dataset: Dataset, byte_table: ByteTable) -> str:
    """Rule 9: on whole validation documents, the bytes counted are those of the decoded text."""
    processor = load_processor(dataset.tokenizer_path)
    checked = num_bytes = 0
    for number, (document, cut) in enumerate(pieces(dataset.validation, dataset.bos_id)):
        if document[0] != dataset.bos_id:
            continue
        counted, decoded = counted_and_decoded(processor, byte_table, document, cut)
        if counted != decoded:
            raise CheckError(
                f"rule 9, bytes exact: document {number} counts as {counted} bytes, its text has {decoded}"
            )
        checked, num_bytes = checked + 1, num_bytes + decoded
        if num_bytes >= MAX_CHECKED_BYTES:
            break
    return f"{num_bytes} bytes counted and decoded alike in {checked} validation documents"


def disjoint(found: Repeats, dataset: Dataset) -> str:
    """Rule 10: no training document has the tokens of a validation document, beyond what the study tolerates."""
    if found.documents > found.tolerated:
        raise CheckError(f"rule 10, disjoint: {found}")
    return f"{found}; the data record counts {dataset.record['duplicates_dropped']} dropped before"


def replayed(referees: Mapping[str, Referee]) -> str:
    """Rule 17: positions of every round were computed again from what stands before them, and gave their nats."""
    shown = []
    for name, referee in referees.items():
        replays = referee.replays
        if replays.rounds < 1 or replays.positions < min(replays.rounds, len(referee.nats)):
            raise CheckError(f"rule 17, replay: {replays.positions} positions of {name} in {replays.rounds} rounds")
        if not replays.largest <= replays.tolerance:
            raise CheckError(f"rule 17, replay: a position of {name} differs by {replays.largest} nats")
        shown.append(
            f"{name}: {replays.positions} positions of {replays.rounds} rounds, drawn after their nats were fixed, "
            f"have their nats from the tokens before them alone, within {replays.tolerance:g}"
        )
    return "; ".join(shown)


def chained(referees: Mapping[str, Referee]) -> str:
    """Rule 18: the chain of weights has one link for each round of updates, and the last is what the model holds."""
    for name, referee in referees.items():
        rounds, length = training_rounds(referee.ledger.events), referee.chain.length
        if length != 1 + rounds:
            raise CheckError(f"rule 18, chain of weights: {name} has {length} links for {rounds} rounds of updates")
        if referee.chain.digest_of(referee.model) != referee.chain.last:
            raise CheckError(f"rule 18, chain of weights: {name} ends with other weights than its last update left")
    links = ", ".join(f"{referee.chain.length} of {name}" for name, referee in referees.items())
    return f"weights and buffers are those of the last link before and after every scoring; links: {links}"


def same_data(dataset: Dataset) -> str:
    """Rule 19: the shards and the tokenizer still have the SHA-256 that data.json gives for them."""
    try:
        count = dataset.check_files()
    except ValueError as error:
        raise CheckError(f"rule 19, identity of data: {error}") from None
    return f"{count} files have the SHA-256 of the data record, when they were opened and after the evaluation"


def one_forward_pass(gpt: GPT, tokens: np.ndarray) -> str:
    """Rule 12: training's cross-entropy is the mean of the losses that are scored; scoring a part changes nothing."""
    ids = torch.from_numpy(tokens.astype(np.int64)).to(device_of(gpt))
    inputs, targets = ids[None, :-1], ids[None, 1:]
    last = max(1, inputs.shape[1] // 4)
    with torch.inference_mode(), precision(device_of(gpt)):
        nats = gpt.token_losses(inputs, targets)
        trained = gpt.training_loss(inputs, targets, auxiliary=False).cross_entropy
        part = gpt.token_losses(inputs, targets, last=last)
    scored = nats.mean(dtype=torch.float64).float()  # as training takes its mean
    name = precision_on(ids.device)
    if not abs(float(scored) - float(trained)) <= MEAN_TOLERANCE[name]:
        raise CheckError(f"rule 12, one forward pass: training sees {float(trained)}, scoring {float(scored)}")
    deviation = float((part - nats[:, -last:]).abs().max())
    if not deviation <= NATS_TOLERANCE[name]:
        raise CheckError(f"rule 12, one forward pass: the last {last} positions scored alone differ by {deviation}")
    agree = f"within {MEAN_TOLERANCE[name]} nats ({name})" if MEAN_TOLERANCE[name] else "to the bit"
    return f"training and scoring agree {agree}, {last} positions scored alone to {deviation:.1e} nats"
