"""Splits and merges under traffic, on an emulator of Kinesis that reshards as Kinesis does."""

import pytest


@pytest.fixture(scope="module")
def world(new_world, kinesis_local):
    world = new_world("anabranch-e2e-reshard", kinesis_url=kinesis_local.url)
    kinesis_local.client().create_stream(StreamName=world.stream, ShardCount=1)
    kinesis_local.await_active(world.stream)
    functions = ("archive", "speed", "query", "ingest", "batch")
    with world.configured(functions, AWS_ENDPOINT_URL_KINESIS=kinesis_local.url):
        world.tick()
        yield world


def test_no_event_is_lost_or_doubled_across_splits_and_merges(world, kinesis_local):
    with world.driven(), world.watched():
        world.put(world.traffic.next_request(200))
        kinesis_local.split(world.stream)
        # The children have records before anybody has registered them.
        world.put(world.traffic.next_request(200))
        world.post(50)
        with world.ticking():
            world.compare()
        first = world.cover()
        kinesis_local.split(world.stream)
        world.produce(200)
        kinesis_local.merge(world.stream)
        world.put(world.traffic.next_request(200))
        with world.ticking():
            world.compare()
        assert world.cover() > first
        world.put(world.traffic.next_request(100))
        world.compare()
    drained = {layer: len(shards) for layer, shards in world.checkpoints.items()}
    assert min(drained.values()) >= 5, drained


def test_after_it_everything_that_is_stored_says_the_same(world):
    report = world.audit()
    assert report["clean"] is True, report
    assert report["compared"]["records"] == world.traffic.accepted
