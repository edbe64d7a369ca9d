"""What is to be exported, known without a connection: logical tables, shards, columns, windows.

Here belongs what the configuration means: which shard tables a pattern names, which of their
columns are exported, what a partition key is in time. What a server says of them does not: see
`source`; neither does Dagster's form of partitions: see `defs`.
"""
