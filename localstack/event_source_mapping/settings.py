"""What a deployed event source mapping asks for, as Lambda describes it.

The settings are read from the deployed stack, so that what is driven is what was deployed. A setting that
is not played is refused: passed over, it would make a test pass that tests nothing.
"""

from dataclasses import dataclass

# What Lambda takes at most, and does where nothing is said.
MOST_RECORDS, USUAL_RECORDS = 10_000, 100
FOR_EVER = -1
NOT_PLAYED = ("FilterCriteria", "TumblingWindowInSeconds", "StartingPositionTimestamp")


@dataclass(frozen=True)
class Settings:
    uuid: str
    stream_arn: str
    function_arn: str
    starting_position: str = "TRIM_HORIZON"
    batch_size: int = USUAL_RECORDS
    window_s: float = 0
    # How often a batch is tried again, and how old a record may be; None: for ever.
    retries: int | None = None
    record_age_s: int | None = None
    bisect: bool = False
    reports_failures: bool = False
    # The bucket that takes what is given up.
    destination: str | None = None

    @classmethod
    def of(cls, mapping):
        """Reads an item of `ListEventSourceMappings`. Emulators give numbers and truths as texts, too."""
        uuid = mapping["UUID"]
        for name in NOT_PLAYED:
            if mapping.get(name):
                raise ValueError(f"mapping {uuid}: {name} is not played")
        if int(mapping.get("ParallelizationFactor") or 1) != 1:
            raise ValueError(f"mapping {uuid}: a parallelization factor above 1 is not played")
        position = mapping.get("StartingPosition") or "TRIM_HORIZON"
        if position not in ("TRIM_HORIZON", "LATEST"):
            raise ValueError(f"mapping {uuid}: starting position {position} is not played")
        batch_size = int(mapping.get("BatchSize") or USUAL_RECORDS)
        if not 1 <= batch_size <= MOST_RECORDS:
            raise ValueError(f"mapping {uuid}: batch size {batch_size} is not from 1 to {MOST_RECORDS}")
        return cls(
            uuid=uuid,
            stream_arn=mapping["EventSourceArn"],
            function_arn=mapping["FunctionArn"],
            starting_position=position,
            batch_size=batch_size,
            window_s=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
            retries=limit(mapping.get("MaximumRetryAttempts")),
            record_age_s=limit(mapping.get("MaximumRecordAgeInSeconds")),
            bisect=str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true",
            reports_failures="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
            destination=bucket(uuid, mapping.get("DestinationConfig")),
        )

    @property
    def stream(self):
        return self.stream_arn.rpartition("/")[2]

    @property
    def region(self):
        return self.stream_arn.split(":")[3]


def limit(value):
    return None if value is None or int(value) == FOR_EVER else int(value)


def bucket(uuid, config):
    arn = ((config or {}).get("OnFailure") or {}).get("Destination")
    if not arn:
        return None
    service = arn.split(":")[2]
    if service != "s3":
        raise ValueError(f"mapping {uuid}: destination {arn} is not played: only S3 takes the whole record")
    return arn.split(":::")[1].split("/")[0]
