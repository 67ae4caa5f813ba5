"""The speed layer's job for examples/clickstream, written plainly in Python: `run_speed.py DIR [URL]`.

As an engineer would write a Lambda function for it who has measured before: orjson for JSON, one pass
over the records, rows in dicts that stay warm between invocations, sketches of Apache DataSketches
(C++), one PutItem per touched row and delivery, under the same condition as ours. Without a URL the
requests are encoded and dropped: boto3's TypeSerializer for the item, orjson for the body. With one
they go through boto3's client, which signs and sends them.

It does less than ours: events are not checked against a schema, and rejected ones not counted by
reason; amounts are added as Decimal, averages as sum and count; sketches are not canonical.
"""

import base64
import datetime
import decimal
import json
import pathlib
import resource
import sys
import time

import datasketches
import orjson
from boto3.dynamodb.types import TypeSerializer

EPOCH_SECONDS = 60
EXPIRES = 1_773_532_800
HLL_LG_K = 12


class Pages:
    """Each page by the hour."""

    __slots__ = ("events", "visitors")
    name = "pages"

    def __init__(self):
        self.events = 0
        self.visitors = datasketches.hll_sketch(HLL_LG_K)

    @staticmethod
    def key(event, when):
        return event.get("page"), when // 3600 * 3600

    def add(self, event, when):
        self.events += 1
        visitor = event.get("visitor_id")
        if visitor is not None:
            self.visitors.update(visitor)

    def state(self):
        return {"events": self.events, "visitors": self.visitors.serialize_compact()}


class Sales:
    """Purchases since the first event."""

    __slots__ = ("purchases", "revenue", "amounts", "items", "largest", "page", "first", "last")
    name = "sales"

    def __init__(self):
        self.purchases = self.amounts = self.items = 0
        self.revenue = decimal.Decimal(0)
        self.largest = self.page = self.first = self.last = None

    @staticmethod
    def key(event, when):
        return (event.get("site"),) if event.get("type") == "purchase" else None

    def add(self, event, when):
        self.purchases += 1
        amount = event.get("amount")
        if amount is not None:
            amount = decimal.Decimal(str(amount))
            self.revenue += amount
            self.amounts += 1
            if self.largest is None or amount > self.largest:
                self.largest, self.page = amount, event.get("page")
        self.items += event.get("items") or 0
        if self.first is None or when < self.first:
            self.first = when
        if self.last is None or when > self.last:
            self.last = when

    def state(self):
        return {name: getattr(self, name) for name in self.__slots__}


class SiteTraffic:
    """Each shop, minute by minute."""

    __slots__ = ("page_views", "visitors", "revenue", "latencies")
    name = "site_traffic"

    def __init__(self):
        self.page_views = 0
        self.visitors = datasketches.hll_sketch(HLL_LG_K)
        self.revenue = decimal.Decimal(0)
        self.latencies = datasketches.kll_floats_sketch(200)

    @staticmethod
    def key(event, when):
        if event.get("type") not in ("page_view", "purchase"):
            return None
        device = event.get("device") or {}
        return event.get("site"), device.get("os"), when // 60 * 60

    def add(self, event, when):
        self.page_views += 1
        visitor = event.get("visitor_id")
        if visitor is not None:
            self.visitors.update(visitor)
        if event.get("type") == "purchase" and event.get("amount") is not None:
            self.revenue += decimal.Decimal(str(event["amount"]))
        latency = event.get("latency_ms")
        if latency is not None:
            self.latencies.update(latency)

    def state(self):
        return {
            "page_views": self.page_views,
            "visitors": self.visitors.serialize_compact(),
            "revenue": self.revenue,
            "latencies": self.latencies.serialize(),
        }


class Visitors:
    """Who comes, from where: five-minute slots by country."""

    __slots__ = ("visitors", "sessions", "begun", "known", "cities")
    name = "visitors"

    def __init__(self):
        self.visitors = datasketches.hll_sketch(HLL_LG_K)
        self.sessions = datasketches.hll_sketch(HLL_LG_K)
        self.begun = self.known = 0
        self.cities = datasketches.frequent_strings_sketch(7)

    @staticmethod
    def key(event, when):
        geo = event.get("geo") or {}
        return geo.get("country"), when // 300 * 300

    def add(self, event, when):
        visitor, session = event.get("visitor_id"), event.get("session_id")
        if visitor is not None:
            self.visitors.update(visitor)
        if session is not None:
            self.sessions.update(session)
        self.begun += event.get("referrer") is not None
        self.known += event.get("new_visitor") is False
        city = (event.get("geo") or {}).get("city")
        if city is not None:
            self.cities.update(city)

    def state(self):
        return {
            "visitors": self.visitors.serialize_compact(),
            "sessions": self.sessions.serialize_compact(),
            "begun": self.begun,
            "known": self.known,
            "cities": self.cities.serialize(),
        }


VIEWS = (Pages, Sales, SiteTraffic, Visitors)


class Function:
    """A warm function: the rows of the epoch, and up to where each has been put."""

    def __init__(self, put):
        self.put = put
        self.epoch = -1
        self.rows = {view: {} for view in VIEWS}
        self.applied = {}
        self.counts = {view.name: 0 for view in VIEWS}

    def invoke(self, body):
        records = orjson.loads(body)["Records"]
        touched, last, shard = {}, None, ""
        for record in records:
            kinesis = record["kinesis"]
            epoch = int(kinesis["approximateArrivalTimestamp"]) // EPOCH_SECONDS
            if epoch > self.epoch:
                self.write(touched, last, shard)
                touched = {}
                self.epoch, self.applied = epoch, {}
                self.rows = {view: {} for view in VIEWS}
            shard = record["eventID"].partition(":")[0]
            last = kinesis["sequenceNumber"]
            try:
                event = orjson.loads(base64.b64decode(kinesis["data"]))
                when = int(datetime.datetime.fromisoformat(event["event_time"]).timestamp())
            except (ValueError, KeyError, TypeError):
                continue
            for view in VIEWS:
                key = view.key(event, when)
                if key is None:
                    continue
                rows = self.rows[view]
                row = rows.get(key)
                if row is None:
                    row = rows[key] = view()
                row.add(event, when)
                touched[view, key] = row
        self.write(touched, last, shard)
        return len(records)

    def write(self, touched, last, shard):
        for (view, key), row in touched.items():
            self.counts[view.name] += 1
            sort_key = "\0".join([*map(str, key), str(self.epoch), shard])
            item = {"pk": f"{view.name}/{self.epoch // 16}/{len(sort_key) % 4}", "sk": sort_key,
                    "applied": last, "ttl": EXPIRES, **row.state()}
            before = self.applied.get((view, key))
            self.put({name: value for name, value in item.items() if value is not None}, before)
            self.applied[view, key] = last


def condition(before):
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#applied = :expected",
        "ExpressionAttributeNames": {"#applied": "applied"},
        "ExpressionAttributeValues": {":expected": before},
    }


def encoder():
    """Encodes a request as boto3 would, and drops it."""
    serialize = TypeSerializer().serialize

    def put(item, before):
        request = {"TableName": "speed", "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **condition(before)}
        request["Item"] = {name: serialize(value) for name, value in item.items()}
        if before is not None:
            request["ExpressionAttributeValues"] = {":expected": serialize(before)}
        orjson.dumps(request, default=lambda value: base64.b64encode(value).decode())

    return put


def sender(url):
    """Puts through boto3's client, which is quicker than its resource."""
    import boto3
    import botocore.config

    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, config=config)
    serialize = TypeSerializer().serialize

    def put(item, before):
        request = condition(before)
        if before is not None:
            request["ExpressionAttributeValues"] = {":expected": serialize(before)}
        client.put_item(
            TableName="speed",
            Item={name: serialize(value) for name, value in item.items()},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **request,
        )

    return put


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    folder, *url = sys.argv[1:]
    bodies = [path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())]
    function = Function(sender(*url) if url else encoder())
    begun, started = cpu_seconds(), time.monotonic()
    events = sum(function.invoke(body) for body in bodies)
    print(json.dumps({
        "events": events,
        "deliveries": len(bodies),
        "cpu_s": cpu_seconds() - begun,
        "wall_s": time.monotonic() - started,
        "puts": sum(function.counts.values()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows_by_view": function.counts,
    }))


if __name__ == "__main__":
    main()
