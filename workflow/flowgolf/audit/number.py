"""Numbers as somebody printed them: the value, what its digits leave open, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from flowgolf.audit.finding import Place

FLOAT_NOISE = Decimal("1e-12")  # figures printed with all digits of a float64 differ by the rounding of its sums
MOST_DIGITS = 60


@dataclass(frozen=True)
class Number:
    """A printed number; every real number within `half` of `value` would have been printed so."""

    value: Decimal
    half: Decimal
    place: Place

    @property
    def margin(self) -> Decimal:
        """`half`, or the noise of float64 where more digits were printed than it has."""
        return max(self.half, abs(self.value) * FLOAT_NOISE)

    def agrees(self, exact: Decimal, slack: Decimal = Decimal(0)) -> bool:
        """Whether this is `exact`, known to `slack`, rounded."""
        return abs(self.value - exact) <= self.margin + slack

    def last_digit(self, exact: Decimal, slack: Decimal = Decimal(0)) -> bool:
        """Whether this is off by less than one unit of its last digit: cut off, or a mean of rounded figures.

        A number with one digit only may not be off by more than a quarter of itself.
        """
        return abs(self.value - exact) <= min(2 * self.margin, max(abs(self.value) / 4, self.margin)) + slack

    def scaled(self, factor: Decimal) -> "Number":
        """The number in another unit."""
        return Number(self.value * factor, self.half * factor, self.place)

    def __str__(self) -> str:
        """As it was printed; whole numbers with commas."""
        return f"{self.value:,f}" if self.value == self.value.to_integral_value() else f"{self.value:f}"


def parse(text: str, place: Place) -> Number | None:
    """A Number of `1.0810`, `15,991,930` or `1e-3`; None for NaN, infinity and what is none."""
    text = text.strip().replace(",", "").replace("_", "")
    if len(text) > MOST_DIGITS:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(value.adjusted()) > MOST_DIGITS:
        return None
    half = Decimal(0) if exponent >= 0 else Decimal(1).scaleb(exponent) / 2
    return Number(value, half, place)


def mean(values: Sequence[Decimal]) -> Decimal:
    """Arithmetic mean of one value or more."""
    return sum(values, Decimal(0)) / len(values)


def spread(values: Sequence[Decimal], divisor: int) -> Decimal:
    """Standard deviation with the divisor n - 1 (sample) or n (population)."""
    middle = mean(values)
    return (sum(((value - middle) ** 2 for value in values), Decimal(0)) / divisor).sqrt()


def sample_sd(values: Sequence[Decimal]) -> Decimal:
    """Sample standard deviation of two values or more."""
    return spread(values, len(values) - 1)


def shown(value: Decimal, digits: int = 5) -> str:
    """A value for a sentence: whole numbers with commas, others to `digits` significant digits at least as printed."""
    if value == value.to_integral_value():
        return f"{int(value):,}"
    places = max(digits - 1 - value.adjusted(), 1)
    return f"{value:,.{min(places, 10)}f}"
