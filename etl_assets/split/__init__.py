"""One shard table in several ranges of its key at the same time, and all of it in one file."""
