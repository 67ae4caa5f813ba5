"""How Lambda reads what a function reports: success, failure from a number on, or failure of all."""

import json

import pytest

from event_source_mapping.outcome import Done, Failed, FailedFrom, of_reply

from play import records


def outcome(reply, reports_failures=True):
    return of_reply(reply, records(8, 13), reports_failures)


def failures(*items):
    return json.dumps({"batchItemFailures": list(items)}).encode()


@pytest.mark.parametrize("reply", [b"", b"null", b"{}", b'{"batchItemFailures":null}', failures()])
def test_an_empty_or_null_report_is_success(reply):
    assert outcome(reply) == Done()


def test_the_lowest_number_counts_as_a_number_and_not_as_a_text():
    reply = failures({"itemIdentifier": "10"}, {"itemIdentifier": "9"}, {"itemIdentifier": "12"})
    assert outcome(reply) == FailedFrom("9")


@pytest.mark.parametrize(
    "item",
    [
        {"itemIdentifier": ""},
        {"itemIdentifier": None},
        {"itemIdentifier": 9},
        {"itemidentifier": "9"},
        {"itemIdentifier": "99"},
        {},
        "9",
    ],
    ids=str,
)
def test_an_identifier_that_names_no_record_fails_the_whole_batch(item):
    assert isinstance(outcome(failures(item)), Failed)
    assert isinstance(outcome(failures({"itemIdentifier": "9"}, item)), Failed)


@pytest.mark.parametrize("reply", [b"[]", b'"ok"', b"no json", b'{"batchItemFailures":{}}'])
def test_a_report_of_another_form_fails_the_whole_batch(reply):
    assert isinstance(outcome(reply), Failed)


def test_without_reports_whatever_is_returned_is_success():
    assert outcome(failures({"itemIdentifier": "9"}), reports_failures=False) == Done()
