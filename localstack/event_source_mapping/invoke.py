"""Invokes a deployed function with an event, and tells what came of it."""

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from .outcome import Failed, NotInvoked, of_reply

# Replies that say that the function was not run.
NOT_RUN = {"TooManyRequestsException", "ResourceConflictException", "ResourceNotReadyException"}


class Lambda:
    def __init__(self, client, settings):
        """A read of the client that times out is an invocation that timed out, and may be running on."""
        self.client, self.settings = client, settings

    def __call__(self, event, records):
        try:
            reply = self.client.invoke(FunctionName=self.settings.function_arn, Payload=event.encode())
            payload = reply["Payload"].read()
        except EndpointConnectionError as error:
            return NotInvoked(str(error))
        except ClientError as error:
            kind = NotInvoked if error.response["Error"]["Code"] in NOT_RUN else Failed
            return kind(str(error))
        except HTTPClientError as error:
            return Failed(str(error))
        if "FunctionError" in reply:
            return Failed(payload[:500].decode(errors="replace"))
        return of_reply(payload, records, self.settings.reports_failures)
