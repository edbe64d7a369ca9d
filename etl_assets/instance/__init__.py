"""The Dagster instance: its folder, and the classes that its dagster.yaml names.

Here belongs what every run of an instance shares. What one run does does not: see `steps`.
"""
