"""The same views kept as AWS's samples do it: `run_updates.py DIR [URL]`, an UpdateItem per event and view.

Each record is decoded (orjson) and added to its rows by ADD expressions, whose values boto3's
TypeSerializer encodes: counters, sums, a set for distinct values, a bucket of a histogram for
percentiles, a counter per city. Without a URL orjson writes the requests, which are dropped; with one
boto3's client signs and sends them. It is the plainest way to write it, and does less than the others: no minimum, maximum, or page of the largest amount, which an
ADD cannot express; sets outgrow an item; and a retry counts again what it had counted before.
"""

import base64
import datetime
import decimal
import json
import math
import pathlib
import resource
import sys

import orjson
from boto3.dynamodb.types import TypeSerializer

SERIALIZE = TypeSerializer().serialize


def update(view, key, added):
    """An UpdateItem that adds to a row, but for what is None."""
    added = {name: value for name, value in added.items() if value is not None}
    names = {f"#{at}": name for at, name in enumerate(added)}
    request = {
        "TableName": "views",
        "Key": {"pk": {"S": view}, "sk": {"S": "\0".join(map(str, key))}},
        "UpdateExpression": "ADD " + ", ".join(f"#{at} :{at}" for at in range(len(added))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {f":{at}": SERIALIZE(value) for at, value in enumerate(added.values())},
    }
    return request


def one(value):
    return None if value is None else {value}


def money(value):
    return None if value is None else decimal.Decimal(str(value))


def updates(event, when):
    """The updates of an event, a request each."""
    visitor, amount = event.get("visitor_id"), event.get("amount")
    kind, site, geo = event.get("type"), event.get("site"), event.get("geo") or {}
    yield update("pages", (event.get("page"), when // 3600 * 3600), {"events": 1, "visitors": one(visitor)})
    if kind == "purchase":
        counted = {"purchases": 1, "revenue": money(amount), "amounts": int(amount is not None), "items": event.get("items")}
        yield update("sales", (site,), counted)
    if kind in ("page_view", "purchase"):
        os, latency = (event.get("device") or {}).get("os"), event.get("latency_ms")
        added = {"page_views": 1, "visitors": one(visitor)}
        if kind == "purchase":
            added["revenue"] = money(amount)
        if latency is not None and latency > 0:
            added[f"latency_{math.floor(math.log2(latency) * 16)}"] = 1
        yield update("site_traffic", (site, os, when // 60 * 60), added)
    added = {
        "visitors": one(visitor),
        "sessions": one(event.get("session_id")),
        "begun": int(event.get("referrer") is not None),
        "known": int(event.get("new_visitor") is False),
    }
    if geo.get("city") is not None:
        added[f"city_{geo['city']}"] = 1
    yield update("visitors", (geo.get("country"), when // 300 * 300), added)


def invoke(body, send):
    count = 0
    for record in orjson.loads(body)["Records"]:
        try:
            event = orjson.loads(base64.b64decode(record["kinesis"]["data"]))
            when = int(datetime.datetime.fromisoformat(event["event_time"]).timestamp())
        except (ValueError, KeyError, TypeError):
            continue
        for request in updates(event, when):
            send(request)
            count += 1
    return count


def sender(url):
    import boto3
    import botocore.config

    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, config=config)
    return lambda request: client.update_item(**request)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    folder, *url = sys.argv[1:]
    send = orjson.dumps if not url else sender(*url)
    bodies = [path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())]
    events = sum(body.count(b'"eventID"') for body in bodies)
    begun = cpu_seconds()
    puts = sum(invoke(body, send) for body in bodies)
    print(json.dumps({
        "events": events,
        "deliveries": len(bodies),
        "cpu_s": cpu_seconds() - begun,
        "puts": puts,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    main()
