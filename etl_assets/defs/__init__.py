"""What Dagster shows: assets, checks, jobs, schedules, sensors, resources and the IO manager.

`build.py` is the table of contents. Here belongs what is in Dagster's words. How a step is
executed does not: see `steps`; neither does what it does to files: see `store`.
"""
