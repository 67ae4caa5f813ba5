"""In which order the shards of a stream are read across splits and merges."""

from event_source_mapping.lineage import Lineage


def listed(name, *parents):
    fields = ("ParentShardId", "AdjacentParentShardId")
    return {"ShardId": name} | dict(zip(fields, parents))


def test_a_child_is_read_once_its_parent_is_drained():
    shards = [listed("parent"), listed("left", "parent"), listed("right", "parent")]
    lineage = Lineage("TRIM_HORIZON")
    assert set(lineage.readable(shards, set())) == {"parent"}
    assert set(lineage.readable(shards, {"parent"})) == {"left", "right"}


def test_the_child_of_a_merge_waits_for_both_parents():
    shards = [listed("one"), listed("two"), listed("child", "one", "two")]
    lineage = Lineage("TRIM_HORIZON")
    assert set(lineage.readable(shards, {"two"})) == {"one"}
    assert set(lineage.readable(shards, {"one", "two"})) == {"child"}


def test_a_parent_out_of_retention_is_waited_for_by_nobody():
    assert set(Lineage("TRIM_HORIZON").readable([listed("child", "gone")], set())) == {"child"}


def test_a_shard_that_appears_later_is_read_from_its_beginning():
    lineage = Lineage("LATEST")
    before = [listed("parent")]
    assert lineage.readable(before, set()) == {"parent": "LATEST"}
    after = [*before, listed("left", "parent"), listed("right", "parent")]
    assert lineage.readable(after, {"parent"}) == {"left": "TRIM_HORIZON", "right": "TRIM_HORIZON"}
