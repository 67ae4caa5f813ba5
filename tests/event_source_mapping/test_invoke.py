"""Which failures of an invocation use up a retry, and which say that it never began."""

import io

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from event_source_mapping.invoke import Lambda
from event_source_mapping.outcome import Done, Failed, FailedFrom, NotInvoked

from play import FUNCTION, records, settings


class Client:
    def __init__(self, reply):
        self.reply = reply

    def invoke(self, FunctionName, Payload):
        assert (FunctionName, Payload) == (FUNCTION, b"{}")
        if isinstance(self.reply, Exception):
            raise self.reply
        payload, more = self.reply
        return {"Payload": io.BytesIO(payload)} | more


def outcome(reply):
    return Lambda(Client(reply), settings())("{}", records(1, 4))


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def test_a_reply_is_read_as_a_report():
    assert outcome((b"null", {})) == Done()
    assert outcome((b'{"batchItemFailures":[{"itemIdentifier":"2"}]}', {})) == FailedFrom("2")


def test_a_function_error_fails_the_batch_whatever_it_returned():
    assert isinstance(outcome((b"null", {"FunctionError": "Unhandled"})), Failed)


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="url"), refused("ServiceException")], ids=repr
)
def test_an_invocation_that_may_have_run_counts_as_failed(error):
    assert isinstance(outcome(error), Failed)


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="url"), refused("TooManyRequestsException")], ids=repr
)
def test_an_invocation_that_never_began_does_not(error):
    assert isinstance(outcome(error), NotInvoked)
