"""The rooms that know Dagster: assets, resources, jobs and schedules built from a configuration."""
