"""How the steps of a run are executed: by which executor, in which order, within which limits.

Here belong lanes, slots, claims, liveness, interrupts, and the executors of other machines. What a
step does to a shard does not: see `export`; neither do what Dagster shows of it: see `defs`, and
the process that it is forked from: see `fork_server`.
"""
