"""The mappings of a deployed stack, taken over from the emulator."""

from .settings import Settings


def take_over(client, stream=None):
    """Switches the emulator's own delivery off, and returns the settings of every mapping of a stream.

    Both at once would be two consumers of one mapping, which AWS never is.
    """
    found = []
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if ":kinesis:" not in mapping["EventSourceArn"]:
                continue
            settings = Settings.of(mapping)
            if stream not in (None, settings.stream):
                continue
            if mapping.get("State") != "Disabled":
                client.update_event_source_mapping(UUID=settings.uuid, Enabled=False)
            found.append(settings)
    consumers = {(settings.stream_arn, settings.function_arn) for settings in found}
    if len(consumers) < len(found):
        raise ValueError(f"a function has two mappings of one stream: {sorted(s.uuid for s in found)}")
    return found


def role_of(client, settings):
    return client.get_function_configuration(FunctionName=settings.function_arn)["Role"]
