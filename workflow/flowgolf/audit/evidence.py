"""The logs by seed, and which of their figures, or means of figures, give a claimed one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, product

from flowgolf.audit.claims import Claims
from flowgolf.audit.finding import Place
from flowgolf.audit.logs import DURING_TRAINING, Log, Score
from flowgolf.audit.number import Number, mean

MOST_COMBINATIONS = 64
BEFORE_EXPORT = (
    "pre-quant", "pre_quant", "prequant", "post-ema", "post_ema", "post ema", "post_swa", "trained_", "float",
)  # fmt: skip
"""What labels of the float model's scores say."""
Seed = int | None


@dataclass(frozen=True)
class Support:
    """What gives a claimed figure: one result of every seed, or of one seed alone."""

    metric: str
    """`bpb` or `loss`."""
    label: str
    scores: dict[Seed, Score]
    whole: bool
    """Whether all seeds that count are in it."""
    exact: bool
    """False when only all digits but the last agree."""

    @property
    def numbers(self) -> list[Number]:
        """The figures."""
        return [number for score in self.scores.values() if (number := score.number(self.metric))]

    @property
    def values(self) -> list[Decimal]:
        """The figures' values."""
        return [number.value for number in self.numbers]

    @property
    def before_export(self) -> bool:
        """Whether the figure is of the float weights."""
        return self.label == DURING_TRAINING or before_export(self.label)

    @property
    def places(self) -> tuple[Place, ...]:
        """Lines of the figures."""
        return tuple(number.place for number in self.numbers)

    @property
    def mean(self) -> Decimal:
        """The figure that was claimed, with all digits."""
        return mean(self.values)


def before_export(label: str) -> bool:
    """Whether a label is that of a score of the float weights."""
    return any(word in label for word in BEFORE_EXPORT)


@dataclass
class Evidence:
    """Logs that say something, by seed."""

    claims: Claims
    logs: list[Log]
    by_seed: dict[Seed, list[Log]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the logs by seed; a log without one belongs to the only seed that is claimed."""
        only = next(iter(self.claims.seeds)) if len(self.claims.seeds) == 1 else None
        for log in self.logs:
            seed = int(log.seed.value) if log.seed else log.file_seed
            self.by_seed.setdefault(only if seed is None else seed, []).append(log)

    @property
    def seeds(self) -> list[Seed]:
        """Seeds that count: those claimed that have a log, else all that have one."""
        claimed = [seed for seed in self.claims.seeds if seed in self.by_seed]
        return list(claimed) or list(self.by_seed)

    @property
    def trained(self) -> dict[Seed, Log]:
        """One log with training for each seed that counts, in the order of the claims."""
        found = {seed: [log for log in self.by_seed[seed] if log.trained] for seed in self.seeds}
        return {seed: logs[0] for seed, logs in found.items() if logs}

    def labels(self) -> list[str]:
        """Labels of results: those that were timed first, then the later in a log the earlier here.

        What is printed last is what is submitted, but some logs repeat a figure without seconds under an older name.
        """
        order: dict[str, tuple[bool, int]] = {}
        for log in self.logs:
            for index, score in enumerate(log.scores):
                timed, last = order.get(score.label, (False, 0))
                order[score.label] = (timed or score.seconds is not None, max(last, index))
        return sorted(order, key=lambda label: order[label], reverse=True)

    def results(self, label: str, seed: Seed, metric: str) -> list[Score]:
        """Results of a seed under a label, those with more digits first; rounded repetitions are left out."""
        numbers = [
            (number, score)
            for log in self.by_seed.get(seed, [])
            for score in log.scores
            if score.label == label and (number := score.number(metric))
        ]
        kept: list[tuple[Number, Score]] = []
        for number, score in sorted(numbers, key=lambda each: each[0].half):
            if not any(number.agrees(other.value) for other, _ in kept):
                kept.append((number, score))
        return [score for _, score in kept]

    def vectors(self, label: str, metric: str) -> Iterator[dict[Seed, Score]]:
        """One result for each seed that counts, in every combination, of a bounded number."""
        choices = [self.results(label, seed, metric) for seed in self.seeds]
        for chosen in islice(product(*choices), MOST_COMBINATIONS):
            yield dict(zip(self.seeds, chosen, strict=True))

    def support(self, claim: Number, metric: str, seed: Seed = None) -> Support | None:
        """What gives a claimed figure, of a seed or of all: a mean over all seeds before one seed's figure."""
        found = self.of_seed(claim, metric, seed) if seed is not None else self.of_all(claim, metric)
        return min(found, key=lambda each: (not each.whole, not each.exact, each.before_export), default=None)

    def of_all(self, claim: Number, metric: str) -> Iterator[Support]:
        """Means over seeds, then single figures, then the last scores during training."""
        for label in self.labels():
            for vector in self.vectors(label, metric):
                yield from judged(metric, label, vector, True, claim)
        for seed in self.by_seed:
            yield from self.of_seed(claim, metric, seed)
        last = {seed: log.validations[-1] for seed, log in self.trained.items() if log.validations}
        if last and len(last) == len(self.seeds):
            yield from judged(metric, DURING_TRAINING, last, True, claim)

    def of_seed(self, claim: Number, metric: str, seed: Seed) -> Iterator[Support]:
        """Single figures of a seed, the last result first, then scores during training."""
        alone = len(self.seeds) == 1
        for label in self.labels():
            for score in self.results(label, seed, metric):
                yield from judged(metric, label, {seed: score}, alone, claim)
        for log in self.by_seed.get(seed, []):
            for score in reversed(log.validations):
                yield from judged(metric, DURING_TRAINING, {seed: score}, alone, claim)

    def printed(self, number: Number, seed: Seed = None) -> Place | None:
        """A line of a log, of a seed or of any, that prints a number, whatever it says of it."""
        logs = self.logs if seed is None else self.by_seed.get(seed, [])
        return next((place for log in logs if (place := log.printed(number))), None)

    def nearest(self, claim: Number, metric: str) -> Support | None:
        """The mean over all seeds that is nearest to a claim that nothing supports."""
        means = [
            Support(metric, label, vector, True, False)
            for label in self.labels()
            for vector in self.vectors(label, metric)
        ]
        return min(means, key=lambda each: abs(each.mean - claim.value), default=None)


def judged(metric: str, label: str, scores: dict[Seed, Score], whole: bool, claim: Number) -> Iterator[Support]:
    """The support, if the mean of these scores is what is claimed."""
    support = Support(metric, label, scores, whole, True)
    if len(support.numbers) < len(scores):
        return
    slack = max(number.half for number in support.numbers)
    if claim.agrees(support.mean, slack):
        yield support
    elif claim.last_digit(support.mean, slack):
        yield Support(metric, label, scores, whole, False)
