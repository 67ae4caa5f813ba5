"""The life of one deployed stack: what a test sends is still there in the next one's answers.

Every test ends at rest with answers that equal the oracle over all that was ever sent. None of them fails
by the clock: what does not come to rest within three minutes has stopped.
"""

import shutil
import threading
import time

import pytest
from botocore.config import Config
from emulator import kill
from event_source_mapping.invoke import Lambda
from event_source_mapping.outcome import Failed

from conftest import PROJECT
from measures import exact
from proxy import Faults
from traffic import HOUR, MEASURES, REQUESTS, TRAFFIC
from oracle import View
from world import LAYERS


@pytest.fixture
def faults(world, proxy):
    """Makes DynamoDB as bad as told, for the functions that write to it."""

    def make(**shares):
        proxy.faults = Faults(**shares)
        return proxy.faults

    with world.configured(("archive", "speed", "batch"), AWS_ENDPOINT_URL_DYNAMODB=proxy.url):
        yield make
    proxy.faults = Faults()


def test_events_of_every_producer_are_in_every_answer_once(world):
    with world.driven(), world.watched():
        world.post(200)
        world.produce(700)
        world.put(world.traffic.next_request(300))
        before = world.compare()
        assert before["requests"].receipt["version"] == 0
        first = world.cover()
        assert world.compare()["requests"].receipt["version"] >= first
        # Some in the version, some behind its horizon: the seam goes through the same rows.
        world.produce(300)
        world.compare()
        second = world.cover()
        assert second > first
        world.compare()


def test_what_no_schema_takes_stops_nothing(world):
    with world.driven() as mappings:
        world.put(world.traffic.poison())
        world.put(world.traffic.next_request(100))
        world.compare()
        world.cover()
        world.compare()
        assert all(mapping.tally["batches discarded"] == 0 for mapping in mappings.values())


@pytest.mark.parametrize("layer", LAYERS)
def test_a_function_that_is_killed_between_two_writes_loses_nothing(world, faults, layer):
    killed = []

    def watch(operation, _request):
        if operation == "PutItem" and len(killed) < 3 and chance.random() < 0.3:
            for pid in world.emulator.functions(world.name(layer)):
                kill(pid)
                killed.append(pid)

    chance = faults(seed=3).chance
    with world.driven() as mappings:
        faults(watch=watch)
        for _ in range(4):
            world.put(world.traffic.next_request(150))
            world.settle()
        world.compare()
        assert killed and mappings[layer].tally["failures"], "nothing was killed"


def test_a_throttled_table_and_lost_replies_lose_and_double_nothing(world, faults):
    with world.driven(), world.watched():
        made = faults(seed=4, throttle=0.2, lose=0.1, most=12)
        for _ in range(3):
            world.put(world.traffic.next_request(150))
            world.settle()
        world.cover()
        world.compare()
        assert made.happened["throttled"] and made.happened["replies lost"], made.happened


def test_everything_is_delivered_again_in_other_batches(world):
    with world.driven(again=True, batch_size=97) as mappings:
        world.compare()
        for mapping in mappings.values():
            assert mapping.tally["records delivered"] >= world.traffic.accepted


def test_two_invocations_with_the_same_batch_at_once_are_one(world):
    def twice(layer, invoke):
        def both(event, records):
            zombie = threading.Thread(target=invoke, args=(event, records))
            zombie.start()
            outcome = invoke(event, records)
            zombie.join()
            return outcome

        return both

    with world.driven(wrap=twice, batch_size=60):
        for _ in range(3):
            world.put(world.traffic.next_request(150))
        world.compare()
        world.cover()
        world.compare()


def test_an_invocation_that_times_out_and_runs_on_beside_its_retry_is_harmless(world, faults):
    held, go = [], threading.Event()

    rows = world.outputs["SpeedTable"].encode()

    def watch(operation, request):
        """Holds the first write of a row until the retry is through."""
        if operation == "PutItem" and rows in request and not held:
            held.append(operation)
            go.wait(30)

    def impatient(layer, invoke):
        client = world.client("lambda", config=Config(read_timeout=2, retries={"max_attempts": 0}))
        return Lambda(client, invoke.settings) if layer == "speed" else invoke

    with world.driven(wrap=impatient) as mappings:
        faults(watch=watch)
        world.put(world.traffic.next_request(100))
        world.settle()
        assert held and mappings["speed"].tally["failures"], "nothing timed out"
        world.put(world.traffic.next_request(100))
        world.settle()
        go.set()
        time.sleep(1)
        world.compare()


def test_what_the_archive_gave_up_is_filled_in_from_the_failures_bucket(world):
    failing = threading.Event()

    def wrap(layer, invoke):
        def failing_archive(event, records):
            return Failed("down") if failing.is_set() else invoke(event, records)

        return failing_archive if layer == "archive" else invoke

    with world.driven(wrap=wrap, retries=1, bisect=False, batch_size=80) as mappings:
        failing.set()
        world.put(world.traffic.next_request(300))
        world.settle()
        failing.clear()
        # The archive does not go on over the gap, and gives these up as well.
        world.put(world.traffic.next_request(100))
        world.settle()
        assert mappings["archive"].tally["records discarded"] >= 400
        assert given_up(world), "nothing is in the failures bucket"
        world.compare()
    with world.driven():
        world.put(world.traffic.next_request(50))
        world.cover()
        world.compare()
        assert not given_up(world)


def test_what_the_speed_layer_gave_up_is_in_the_next_version(world):
    failing = threading.Event()

    def wrap(layer, invoke):
        def failing_speed(event, records):
            return Failed("down") if failing.is_set() else invoke(event, records)

        return failing_speed if layer == "speed" else invoke

    with world.driven(wrap=wrap, retries=1, bisect=False):
        failing.set()
        world.put(world.traffic.next_request(100))
        world.settle()
        failing.clear()
        world.put(world.traffic.next_request(100))
        world.settle()
        assert world.receipt()["complete"] is False, "an answer over a hole says that it is complete"
    with world.driven():
        world.cover()
        world.compare()


def given_up(world):
    """The batches that wait for redrive."""
    reply = world.s3.list_objects_v2(Bucket=world.outputs["FailuresBucket"], Prefix="aws/lambda/")
    return [each["Key"] for each in reply.get("Contents", ())]


def test_a_view_is_changed_while_events_flow(world, deployer, functions, tmp_path_factory):
    project = tmp_path_factory.mktemp("changed") / "project"
    shutil.copytree(PROJECT, project)
    file = project / "views/traffic.sql"
    largest = "max(amount)                          AS largest"
    file.write_text(file.read_text().replace("count(*) ", f"{largest},\n       count(*) ", 1))
    assert "largest" in file.read_text()
    changed = View(
        "traffic", TRAFFIC.keys, MEASURES | {"largest": exact("max(amount)")}, bucket="hour", bucket_sql=HOUR
    )
    over, receipts, faults = threading.Event(), [], []

    def produce():
        try:
            while not over.wait(0.5):
                world.put(world.traffic.next_request(20))
                reply = world.api.get("/v1/views/traffic")
                # The emulator kills a function whose code changes in the middle of its work; Lambda does not.
                if reply.status != 502:
                    receipts.append(reply.json()["receipt"])
        except BaseException as error:
            faults.append(error)

    with world.driven():
        before = world.api.ask("traffic").receipt["fingerprint"]
        producer = threading.Thread(target=produce)
        producer.start()
        try:
            deployer.deploy(project, functions, world.config)
            world.project = project
            world.tick()
        finally:
            over.set()
            producer.join()
        assert not faults, faults
        # One definition or the other, and always complete.
        assert receipts and all(receipt["complete"] for receipt in receipts)
        assert receipts[0]["fingerprint"] == before
        world.put(world.traffic.next_request(50))
        world.cover("full")
        after = world.compare(views=(REQUESTS, changed))
        assert after["traffic"].receipt["fingerprint"] != before
        world.put(world.traffic.next_request(50))
        world.compare(views=(REQUESTS, changed))


def test_in_the_end_everything_that_is_stored_says_the_same(world):
    with world.driven():
        world.put(world.traffic.next_request(100))
        world.settle()
        report = world.audit()
    assert report["clean"] is True, report
    compared = report["compared"]
    assert compared["records"] == world.traffic.accepted + world.traffic.rejected
    assert (compared["accepted"], compared["rejected"]) == (world.traffic.accepted, world.traffic.rejected)
    assert min(compared["speed_rows"], compared["batch_rows"], compared["versions"]) > 0
