"""One short line, not too often."""

from flowgolf.running.progress import Progress, clock


def test_prints_at_the_end_and_not_in_between(capsys):
    progress = Progress("train nfm seed 42", 4, "steps", every_seconds=60)
    assert not progress.update(1, loss="3.20")
    assert progress.update(4, loss="3.10")
    assert capsys.readouterr().err == "train nfm seed 42  100% (4/4 steps)  loss 3.10  0:00 taken\n"


def test_tells_the_time_left(capsys):
    progress = Progress("x", 100, "steps", every_seconds=0)
    progress.update(10)
    progress.started -= 9
    progress.update(40)
    assert "40% (40/100 steps)  0:18 left" in capsys.readouterr().err


def test_clock():
    assert [clock(7), clock(75), clock(4000)] == ["0:07", "1:15", "1:06:40"]
