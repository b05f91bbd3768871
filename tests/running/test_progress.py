"""One short line, not too often."""

import math

from flowgolf.running.progress import Progress, clock, progress_of


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


def test_lines_say_which_job_they_belong_to(capsys):
    for job, label in [
        ("sliding nfm seed 42 part 2", "sliding"), ("train nfm seed 42", "train nfm seed 42"), ("tokens", "val shards"),
    ]:  # fmt: skip
        with progress_of(job):
            Progress(label, 1, "positions").update(1)
    Progress("sliding", 1, "positions").update(1)
    shown = [line.partition("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["sliding nfm seed 42 part 2", "train nfm seed 42", "tokens: val shards", "sliding"]


def test_what_is_not_known_yet_is_left_out(capsys):
    Progress("x", 1, "steps").update(1, loss="3.1", bpb=f"{math.nan:.3f}")
    assert capsys.readouterr().err == "x  100% (1/1 steps)  loss 3.1  0:00 taken\n"


def test_clock():
    assert [clock(7), clock(75), clock(4000)] == ["0:07", "1:15", "1:06:40"]
