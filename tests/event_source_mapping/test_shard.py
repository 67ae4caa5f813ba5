"""What a mapping does with the batches of one shard: AWS's documentation, sentence by sentence."""

from event_source_mapping.event import PAYLOAD_LIMIT
from event_source_mapping.outcome import Done, Failed, FailedFrom, NotInvoked
from event_source_mapping.shard import Backoff, Drained, Invoke, Wait

from play import Play, numbers, record, records, settings, shard


def played(reply, given, of=None, **more):
    play = Play(shard(of, **more), reply)
    play.shard.read(given, False, 0.0)
    play.run()
    return play


def poisoned(*bad, outcome=lambda bad: Failed("poison")):
    """A function that fails when one of the `bad` numbers is in the batch."""

    def reply(delivered):
        found = [number for number in delivered if number in bad]
        return outcome(found[0]) if found else Done()

    return reply


def test_records_are_delivered_in_order_in_batches_of_the_configured_size():
    play = played(lambda delivered: Done(), records(1, 26))
    assert play.delivered == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]
    assert play.shard.checkpoint == "25"


def test_the_checkpoint_advances_on_success_only():
    one = shard()
    one.read(records(1, 4), False, 0.0)
    assert isinstance(one.next(0.0), Invoke)
    assert one.checkpoint is None
    one.invoked(Failed("down"), 0.0)
    assert one.checkpoint is None
    assert numbers(one.next(1.0).batch) == [1, 2, 3]
    one.invoked(Done(), 1.0)
    assert one.checkpoint == "3"


def test_a_batch_that_failed_is_delivered_before_anything_behind_it():
    failures = iter([Failed("a"), Failed("b"), Failed("c")])
    play = played(lambda delivered: next(failures, Done()), records(1, 21))
    assert play.delivered == [list(range(1, 11))] * 4 + [list(range(11, 21))]


def test_all_from_the_reported_number_on_is_delivered_again():
    replies = iter([FailedFrom("4")])
    play = played(lambda delivered: next(replies, Done()), records(1, 8))
    assert play.delivered == [list(range(1, 8)), [4, 5, 6, 7]]


def test_the_checkpoint_stands_before_the_reported_number():
    one = shard()
    one.read(records(1, 8), False, 0.0)
    one.next(0.0)
    one.invoked(FailedFrom("4"), 0.0)
    assert one.checkpoint == "3"


def test_bisecting_halves_a_batch_until_the_poison_is_alone():
    play = played(poisoned(6), records(1, 9), settings(bisect=True, retries=0))
    assert play.delivered == [
        list(range(1, 9)), [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [6], [7, 8],
    ]  # fmt: skip
    assert [discarded for discarded, *_ in play.discarded] == [[6]]


def test_bisecting_uses_up_no_retries():
    play = played(poisoned(6), records(1, 9), settings(bisect=True, retries=2))
    assert play.delivered.count([6]) == 3
    assert play.delivered.count([5, 6]) == 1


def test_bisecting_splits_at_the_reported_number_and_uses_up_no_retries():
    # Each report gets one record farther; nine failures, and only one retry.
    def reply(delivered):
        return FailedFrom(str(delivered[1])) if len(delivered) > 1 else Done()

    play = played(reply, records(1, 11), settings(bisect=True, retries=1))
    assert play.delivered == [list(range(first, 11)) for first in range(1, 11)]
    assert play.discarded == []


def test_without_bisecting_reports_use_up_retries():
    def reply(delivered):
        return FailedFrom(str(delivered[1])) if len(delivered) > 1 else Done()

    play = played(reply, records(1, 11), settings(retries=1))
    assert play.delivered == [list(range(1, 11)), list(range(2, 11))]
    assert play.discarded == [(list(range(3, 11)), "RetryAttemptsExhausted", 2)]


def test_a_batch_is_given_up_after_its_first_attempt_and_its_retries():
    play = played(poisoned(2), records(1, 4), settings(retries=3))
    assert play.delivered == [[1, 2, 3]] * 4
    assert play.discarded == [([1, 2, 3], "RetryAttemptsExhausted", 4)]


def test_what_was_given_up_is_passed_and_the_shard_goes_on():
    play = played(poisoned(2), records(1, 14), settings(retries=0))
    assert play.delivered[-1] == [11, 12, 13]
    assert play.shard.checkpoint == "13"


def test_the_checkpoint_does_not_pass_what_is_not_yet_at_its_destination():
    one = shard(settings(retries=0))
    one.read(records(1, 4), False, 0.0)
    one.next(0.0)
    one.invoked(Failed("down"), 0.0)
    assert one.next(1.0).condition == "RetryAttemptsExhausted"
    assert one.checkpoint is None
    one.discarded()
    assert one.checkpoint == "3"


def test_the_retries_of_a_batch_say_nothing_of_the_next():
    failures = iter([Failed("a"), Done(), Failed("b"), Done()])
    play = played(lambda delivered: next(failures), records(1, 21), settings(retries=1))
    assert play.discarded == []


def test_by_default_a_poison_record_blocks_its_shard_for_ever():
    play = Play(shard(), poisoned(1))
    play.shard.read(records(1, 3), False, 0.0)
    try:
        play.run(steps=5000)
    except AssertionError:
        assert set(map(tuple, play.delivered)) == {(1, 2)}
        assert play.shard.checkpoint is None
    else:
        raise AssertionError("the shard went on")


def test_records_that_have_passed_the_age_are_given_up_and_the_younger_delivered():
    play = Play(shard(settings(record_age_s=60)))
    play.shard.read(records(1, 4, arrival_s=0.0) + records(4, 6, arrival_s=50.0), False, 61.0)
    play.now_s = 61.0
    play.run()
    assert play.discarded == [([1, 2, 3], "RecordAgeExceeded", 0)]
    assert play.delivered == [[4, 5]]


def test_a_batch_that_keeps_failing_is_given_up_when_it_has_passed_the_age():
    play = Play(shard(settings(record_age_s=60)), poisoned(1))
    play.shard.read(records(1, 3), False, 0.0)
    play.run()
    assert [discarded for discarded, *_ in play.discarded] == [[1, 2]]
    assert 60 < play.now_s < 130


def test_a_function_that_was_not_invoked_uses_up_no_retry():
    outcomes = iter([NotInvoked("throttled")] * 9)
    play = played(lambda delivered: next(outcomes, Done()), records(1, 4), settings(retries=0, bisect=True))
    assert play.delivered == [[1, 2, 3]] * 10
    assert play.discarded == []


def test_a_partly_filled_batch_waits_for_the_window():
    one = shard(settings(window_s=5))
    one.read(records(1, 4), False, 100.0)
    assert one.next(100.0) == Wait(105.0)
    one.read(records(4, 6), False, 103.0)
    assert one.next(104.9) == Wait(105.0)
    assert numbers(one.next(105.0).batch) == [1, 2, 3, 4, 5]


def test_a_full_batch_does_not_wait_for_the_window():
    one = shard(settings(window_s=5))
    one.read(records(1, 13), False, 100.0)
    assert numbers(one.next(100.0).batch) == list(range(1, 11))


def test_what_a_full_batch_leaves_waits_for_a_window_of_its_own():
    one = shard(settings(window_s=5))
    one.read(records(1, 4), False, 100.0)
    one.read(records(4, 14), False, 104.0)
    assert len(one.next(104.0).batch.records) == 10
    one.invoked(Done(), 104.0)
    assert one.next(105.0) == Wait(109.0)


def test_a_closed_shard_does_not_wait_for_the_window():
    one = shard(settings(window_s=5))
    one.read(records(1, 4), True, 100.0)
    assert numbers(one.next(100.0).batch) == [1, 2, 3]


def test_a_batch_holds_no_more_than_the_payload_limit_with_its_base64():
    # 1 MB of payload is 1.33 MB of base64: four fit, six would without it.
    million = b"x" * 1_000_000
    play = played(lambda delivered: Done(), records(1, 11, data=million), settings(batch_size=10_000))
    assert play.delivered == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert 5 * len(million) < PAYLOAD_LIMIT


def test_a_batch_that_is_full_by_its_payload_does_not_wait_for_the_window():
    one = shard(settings(window_s=5))
    one.read(records(1, 6, data=b"x" * 1_000_000), False, 100.0)
    assert numbers(one.next(100.0).batch) == [1, 2, 3, 4]


def test_a_record_that_fits_into_no_event_is_given_up_without_an_invocation():
    play = played(lambda delivered: Done(), [record(1), record(2, b"x" * PAYLOAD_LIMIT), record(3)])
    assert play.delivered == [[1], [3]]
    assert play.discarded == [([2], "PayloadLimitExceeded", 0)]


def test_nothing_more_is_read_while_a_batch_is_failing():
    one = shard()
    one.read(records(1, 4), False, 0.0)
    one.next(0.0)
    one.invoked(Failed("down"), 0.0)
    assert not one.wants_records()
    one.next(9.0)
    one.invoked(Done(), 9.0)
    assert one.wants_records()


def test_a_failed_batch_is_tried_again_later_and_later():
    one = shard(backoff=Backoff(first_s=1, most_s=5))
    one.read(records(1, 4), False, 0.0)
    now_s, waits = 0.0, []
    for _ in range(5):
        assert isinstance(one.next(now_s), Invoke)
        one.invoked(Failed("down"), now_s)
        waits.append(one.next(now_s).until_s - now_s)
        now_s = one.next(now_s).until_s
    assert waits == [1, 2, 4, 5, 5]


def test_a_shard_is_drained_once_it_is_closed_and_all_was_delivered():
    one = shard()
    one.read(records(1, 4), True, 0.0)
    assert isinstance(one.next(0.0), Invoke)
    one.invoked(Failed("down"), 0.0)
    assert one.next(0.0) == Wait(1.0)
    one.next(1.0)
    one.invoked(Done(), 1.0)
    assert one.next(1.0) == Drained()
