"""Claimed bits per byte, losses and their spread against the logs."""

from collections.abc import Iterator

from flowgolf.audit.case import Case
from flowgolf.audit.checks.kinds import base, kind
from flowgolf.audit.claims import Claim
from flowgolf.audit.evidence import Support
from flowgolf.audit.finding import Finding, error, not_stated, note, warning
from flowgolf.audit.logs import DURING_TRAINING
from flowgolf.audit.number import Number, mean, sample_sd, shown, spread
from flowgolf.audit.words import seeds_named

NAMES = {"bpb": "bits per byte", "loss": "loss"}
OTHER = {"bpb": "loss", "loss": "bpb"}
Stated = tuple[Claim, Number]


def check(case: Case) -> Iterator[Finding]:
    """All findings about scores."""
    if case.main is None:
        places = case.support.places if case.support else ()
        yield not_stated("score", "submission.json has no val_bpb above 0", *places)
    if case.evidence.labels():
        yield from of_all(case, case.main, "bpb")
        yield from of_all(case, case.main_loss, "loss")
        yield from others(case)
    yield from spreads(case)
    yield from own_mean(case)


def of_all(case: Case, stated: Stated | None, metric: str) -> Iterator[Finding]:
    """The claimed val_bpb or val_loss."""
    if stated is None:
        return
    claim, number = stated
    support = case.evidence.support(number, metric)
    if support is not None:
        yield from qualified(case, claim, number, support)
    elif (finding := wrong_name(case, claim, number, metric)) is not None:
        yield finding
    elif mean_of_claims(case, claim, number) and case.unlogged:
        text = f"logs of all seeds; {claim.name} {number} is the mean of what is claimed of them"
        yield not_stated("score", text, claim.place)
    else:
        yield unsupported(case, claim, number, metric, "error")


def own_claims(case: Case, claim: Claim) -> list[Number]:
    """What is claimed of the seeds under the name of a claim of all."""
    about = base(claim.key)
    return [n for seed in case.claims.seeds for each, n in case.claims.numbers(seed) if base(each.key) == about]


def mean_of_claims(case: Case, claim: Claim, number: Number) -> bool:
    """Whether a claim is the mean of the claims of the seeds under its name."""
    own = own_claims(case, claim)
    return len(own) > 1 and number.last_digit(mean([n.value for n in own]), max(n.half for n in own))


def wrong_name(case: Case, claim: Claim, number: Number, metric: str) -> Finding | None:
    """A loss under the name of bits per byte, or the other way round."""
    support = case.evidence.support(number, OTHER[metric])
    if support is None:
        return None
    right = Support(metric, support.label, support.scores, support.whole, True)
    says = f"; the logs' {NAMES[metric]} there is {shown(right.mean)}" if right.numbers else ""
    text = f"{claim.name} {number} is the {NAMES[support.metric]} of {support.label!r}{says}"
    return error("score-name", text, claim.place, *support.places)


def unsupported(case: Case, claim: Claim, number: Number, metric: str, severity: str) -> Finding:
    """A figure that no result gives; a line that prints it all the same is named, else the nearest result."""
    place = case.evidence.printed(number, claim.seed)
    if place is not None:
        return warning("score", f"{claim.name} {number} is printed on a line that is no result", claim.place, place)
    nearest = case.evidence.nearest(number, metric)
    text = f"{claim.name} {number} is neither a figure of the logs nor a mean of one over the seeds"
    if nearest is None:
        return Finding(severity, "score", text, (claim.place,))
    text += f"; the nearest is {average(nearest)} ({described(nearest)})"
    return Finding(severity, "score", text, (claim.place, *nearest.places))


def average(support: Support) -> str:
    """The mean of several figures, or the one figure as it was printed."""
    return shown(support.mean, 9) if len(support.scores) > 1 else str(support.numbers[0])


def described(support: Support) -> str:
    """What a figure is, for a sentence."""
    many = "mean over " if len(support.scores) > 1 else ""
    return f"{many}{seeds_named(support.scores)} of {support.label!r}"


def qualified(case: Case, claim: Claim, number: Number, support: Support) -> Iterator[Finding]:
    """What is to be said of a claimed figure that the logs do give."""
    if support.before_export:
        text = f"{claim.name} {number} is {described(support)}: a figure of the model before it was exported"
        yield error("score", text, claim.place, *support.places)
    elif not support.whole:
        yield one_seed(case, claim, number, support)
    if not support.exact:
        yield last_digit(claim, number, support)


def one_seed(case: Case, claim: Claim, number: Number, support: Support) -> Finding:
    """A claim that is one seed's where there are several."""
    text = f"{claim.name} {number} is that of {seeds_named(support.scores)} alone ({support.label!r})"
    vector = next(case.evidence.vectors(support.label, support.metric), None)
    if vector is None:
        return warning("score-seed", f"{text}: the other seeds have no such result", claim.place, *support.places)
    all_seeds = Support(support.metric, support.label, vector, True, True)
    text += f"; the mean over {seeds_named(vector)} is {shown(all_seeds.mean, 8)}"
    return warning("score-seed", text, claim.place, *all_seeds.places)


def last_digit(claim: Claim, number: Number, support: Support) -> Finding:
    """A figure cut off instead of rounded, or a mean of rounded figures."""
    text = f"{claim.name} {number}: the logs give {average(support)} ({described(support)})"
    return note("rounding", text, claim.place, *support.places)


def others(case: Case) -> Iterator[Finding]:
    """Every other claimed score, of all seeds and of each."""
    mains = [each[0] for each in (case.main, case.main_loss) if each]
    for seed in (None, *case.claims.seeds):
        for claim, number in case.claims.numbers(seed):
            metric = kind(claim)
            if metric in NAMES and claim not in mains and (seed is None or seed in case.evidence.by_seed):
                yield from other(case, claim, number, metric)


def before_quantisation(case: Case, claim: Claim, number: Number, support: Support) -> Iterator[Finding]:
    """A claim of the model before quantisation that is a score during training, where the log has the former too."""
    named = [label for label in case.evidence.labels() if "pre" in label and "quant" in label]
    if named and support.label == DURING_TRAINING and {"pre", "prequant", "prequantization"} & base(claim.key):
        vector = next(case.evidence.vectors(named[0], support.metric), None)
        right = Support(support.metric, named[0], vector, True, True) if vector and claim.seed is None else None
        says = f"; that of {named[0]!r} is {average(right)}" if right else ""
        text = f"{claim.name} {number} is the last score during training{says}"
        yield warning("score-name", text, claim.place, *support.places, *(right.places if right else ()))


def other(case: Case, claim: Claim, number: Number, metric: str) -> Iterator[Finding]:
    """A claimed score that is not the main one; a seed's own val_bpb is as serious as the mean."""
    own = claim.key in ("val_bpb", "val_loss")
    support = case.evidence.support(number, metric, claim.seed)
    if support is not None:
        yield from before_quantisation(case, claim, number, support)
    if support is not None and not support.exact:
        yield last_digit(claim, number, support)
    elif support is not None and own and support.before_export:
        text = f"{claim.name} {number} is {described(support)}: a figure of the model before it was exported"
        yield error("score", text, claim.place, *support.places)
    elif (
        support is None and number.value not in case.unlogged and (own or not case.evidence.printed(number, claim.seed))
    ):
        yield unsupported(case, claim, number, metric, "error" if own else "warning")


def spreads(case: Case) -> Iterator[Finding]:
    """Claimed standard deviations: they are samples', with the divisor n - 1."""
    for claim, number in case.claims.numbers():
        if kind(claim) != "sd" or not ({"bpb", "loss", "nats"} & base(claim.key)):
            continue
        figures = spread_of(case, claim)
        if len(figures) < 2:
            text = f"{claim.name} {number}: the figures that it is the spread of"
            yield not_stated("spread", text, claim.place)
        elif (finding := spread_finding(claim.name, number, figures)) is not None:
            yield finding


def spread_of(case: Case, claim: Claim) -> list[Number]:
    """The figures over seeds that a claimed spread is about: those of the mean of this name, else the claimed ones."""
    about = base(claim.key)
    metric = "bpb" if "bpb" in about else "loss"
    for each, number in case.claims.numbers():
        if kind(each) == metric and base(each.key) == about:
            support = case.evidence.support(number, metric)
            if support is not None and len(support.scores) > 1:
                return support.numbers
    return own_claims(case, claim)


def spread_finding(name: str, claimed: Number, figures: list[Number]) -> Finding | None:
    """What is wrong with a claimed spread of these figures."""
    values = [number.value for number in figures]
    slack = 2 * max(number.half for number in figures)  # how far rounded figures move their spread
    right, population = sample_sd(values), spread(values, len(values))
    places = (claimed.place, *(number.place for number in figures))
    text = f"{name} {claimed}: the sample standard deviation of {len(values)} seeds is {shown(right)}"
    if claimed.agrees(right, slack):
        return None
    if claimed.agrees(population, slack):
        return error("spread", f"{text}; {claimed} is that of a population (divisor n)", *places)
    if claimed.last_digit(right, slack):
        return note("rounding", text, *places)
    return error("spread", text, *places)


def own_mean(case: Case) -> Iterator[Finding]:
    """The claimed mean against the claimed figures of the seeds, where the logs do not give it."""
    if case.main is None or case.support is not None:
        return
    claim, number = case.main
    own = own_claims(case, claim)
    if len(own) > 1 and not mean_of_claims(case, claim, number):
        right = shown(mean([each.value for each in own]), 9)
        text = f"{claim.name} {number} is not the mean of the seeds' own claims, {right}"
        yield error("score", text, claim.place, *(each.place for each in own))
