"""One shard table in several ranges of its key at the same time, and all of it in one file.

Here belongs everything that cuts a table and joins its parts, and it is nowhere else.
"""
