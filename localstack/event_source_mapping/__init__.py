"""Lambda's event source mapping for Kinesis, played over an emulator.

Emulators bring a stream and functions, but what lies between is happy-path only: records that a function
reports as failed are lost, a bad batch blocks its shard for ever, a child is read before its parent. On
that part of AWS exactness rests, so it is written here, from AWS's documentation:

    stream ─> reader ─> shard ─> invoke ─> function
                         │ ^        │
                         │ └────────┘ outcome: done, failed from a number, failed, not invoked
                         └─> destination: what is given up

`shard` decides, and is pure: records, outcomes and the time come in, and what is to be done next comes
out. `lineage` decides which shards may be read. `mapping` is the loop around them, `__main__` the command.
"""
