"""What of a block identifies a result."""

from flowgolf.settings import Settings, added, identity


class Inner(Settings):
    """A block in a block."""

    width: int = 3
    """Width."""
    later: float | None = added(None)
    """Came later; null is as before."""


class Block(Settings):
    """A block."""

    steps: int = 6
    """Steps."""
    inner: Inner | None = None
    """Null is a value of its own here."""
    start: float = added(5.0, as_before=1.5, gt=0)
    """Came later, with a default that changes what is computed."""
    plan: dict[int, int] = {}
    """By layer."""


def test_every_value_counts_and_keys_are_text():
    assert identity(Block(start=1.5, plan={3: 5})) == {"steps": 6, "inner": None, "plan": {"3": 5}}


def test_an_added_field_counts_unless_it_is_as_before():
    assert identity(Block())["start"] == 5.0
    assert "start" not in identity(Block(start=1.5))


def test_blocks_inside_follow_the_same_rule():
    assert identity(Block(inner=Inner()))["inner"] == {"width": 3}
    assert identity(Block(inner=Inner(later=2.0)))["inner"] == {"width": 3, "later": 2.0}
