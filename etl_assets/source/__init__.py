"""Where rows come from: engines, snapshots, queries and schemas of the database servers.

Here belongs all that asks a database: what it has, what it is asked for, what its errors mean. What
is MySQL's alone is in `mysql`. What becomes of the rows does not belong here: see `extract`.
"""
