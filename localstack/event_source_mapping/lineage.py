"""Which shards of a stream may be read, and from where.

A shard that came of a split or a merge is read once its parents are drained, so that the records of a key
are delivered in their order across a reshard. A parent that the stream lists no more has run out of
retention, and is waited for by nobody.
"""


class Lineage:
    def __init__(self, starting_position):
        self.starting_position = starting_position
        # The shards that were there when the mapping began.
        self.first = None

    def readable(self, shards, drained):
        """The undrained shards that may be read now, with the position to read a new one from.

        `shards` is what `ListShards` returns. A shard that appears later is read from its beginning,
        whatever the starting position is.
        """
        listed = {shard["ShardId"] for shard in shards}
        if self.first is None:
            self.first = listed
        readable = {}
        for shard in shards:
            name = shard["ShardId"]
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & listed
            if name not in drained and parents <= drained:
                readable[name] = self.starting_position if name in self.first else "TRIM_HORIZON"
        return readable
