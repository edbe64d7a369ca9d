"""Sharded MySQL tables to CSV as Dagster assets.

Importing the package imports nothing heavy: step processes and the command line rely on that.
"""
