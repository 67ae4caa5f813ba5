"""What is read of a deployed mapping, and that what is not played is refused."""

import pytest

from event_source_mapping.settings import Settings

from play import FUNCTION, STREAM

LEAST = {"UUID": "u", "EventSourceArn": STREAM, "FunctionArn": FUNCTION}


def test_every_setting_of_a_deployed_mapping_is_read():
    given = LEAST | {
        "StartingPosition": "LATEST",
        "BatchSize": "10000",
        "MaximumBatchingWindowInSeconds": 5,
        "MaximumRetryAttempts": 10000,
        "MaximumRecordAgeInSeconds": 3600,
        "BisectBatchOnFunctionError": "true",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    }
    assert Settings.of(given) == Settings(
        "u", STREAM, FUNCTION, "LATEST", 10_000, 5, 10_000, 3600, True, True, "failures"
    )  # fmt: skip


def test_what_is_not_set_is_as_lambda_takes_it():
    given = LEAST | {"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1}
    for mapping in (LEAST, given):
        settings = Settings.of(mapping)
        assert (settings.batch_size, settings.retries, settings.record_age_s) == (100, None, None)
        assert not (settings.bisect or settings.reports_failures or settings.destination)
    assert Settings.of(LEAST | {"MaximumRetryAttempts": 0}).retries == 0


@pytest.mark.parametrize(
    "more",
    [
        {"ParallelizationFactor": 2},
        {"BatchSize": 10_001},
        {"TumblingWindowInSeconds": 30},
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
        {"StartingPosition": "AT_TIMESTAMP"},
        {
            "DestinationConfig": {
                "OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:failures"}
            }
        },
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_not_played_is_refused(more):
    with pytest.raises(ValueError, match="mapping u: "):
        Settings.of(LEAST | more)
