"""A few minutes of `make soak` in seconds: the same run, until every kind of kill has happened."""

from crash import Run

SEED, KILLS = 1, 6


def test_no_kill_loses_doubles_or_hides_an_event(anabranch, tmp_path):
    run = Run(anabranch, SEED, tmp_path)
    run.play(lambda run: run.kills >= KILLS)
    assert run.known > 0
