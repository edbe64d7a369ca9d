"""One shard table, whole: from its task to a staged file with its manifest.

Here belongs the order of the work on one shard: snapshot, count, rows, proof, another attempt.
What several shards are together does not: see `store` for a window's completeness, `steps` for
which shards share a process.
"""
