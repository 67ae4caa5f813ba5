"""Starts ministack with what cannot be configured set right.

* Its runtime API answers functions without Nagle's delay. With it each invocation waits some 40 ms for
  an acknowledgement, which no Lambda does.
* Where it enforces IAM, it takes requests as come over TLS. The stack's buckets refuse all others, and
  everything here stays on 127.0.0.1.
* IAM knows the stream of a GetRecords by its iterator. Without it no role may read a stream, unless it
  may read all.
* Records have numbers of 56 digits, as those of Kinesis: its own begin with zeros, which Kinesis's never
  do, and which the functions refuse.
* CloudFormation takes alarms that are more than a metric by its name, which it refuses otherwise, and the
  stack with them. They are kept and never sound.
"""

import json
import socketserver

from ministack.core import iam_actions, iam_evaluator

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

pin_request_origin = iam_evaluator.pin_request_origin
iam_evaluator.pin_request_origin = lambda address, _secure: pin_request_origin(address, True)

# What is replaced above has to be in its place before anything imports it.
from ministack.app import main  # noqa: E402
from ministack.services import kinesis  # noqa: E402
from ministack.services.cloudformation import provisioners  # noqa: E402

next_number = kinesis._next_sequence_number
kinesis._next_sequence_number = lambda: "49" + next_number().zfill(54)

resource_arn = iam_actions.extract_resource_arn


def resource_arn_by_iterator(service, method, path, headers, body, *more, **named):
    found = resource_arn(service, method, path, headers, body, *more, **named)
    if service == "kinesis" and found == "*" and b"ShardIterator" in (body or b""):
        iterator = kinesis._shard_iterators.get(json.loads(body).get("ShardIterator"))
        return iterator["stream_arn"] if iterator else found
    return found


iam_actions.extract_resource_arn = resource_arn_by_iterator

alarm_record = provisioners._cw_metric_alarm_record


def record_of_any_alarm(name, properties):
    if properties.get("Metrics"):
        properties = {key: value for key, value in properties.items() if key != "Metrics"}
        properties |= {"Namespace": "NotEvaluated", "MetricName": name}
    return alarm_record(name, properties)


provisioners._cw_metric_resource_arn = iam_actions.extract_resource_arn


def resource_arn_by_iterator(service, method, path, headers, body, *more, **named):
    found = resource_arn(service, method, path, headers, body, *more, **named)
    if service == "kinesis" and found == "*" and b"ShardIterator" in (body or b""):
        iterator = kinesis._shard_iterators.get(json.loads(body).get("ShardIterator"))
        return iterator["stream_arn"] if iterator else found
    return found


iam_actions.extract_resource_arn = resource_arn_by_iterator

alarm_record = record_of_any_alarm

if __name__ == "__main__":
    main()
