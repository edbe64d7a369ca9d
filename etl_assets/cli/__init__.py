"""The command line `etl-assets`: parse, call, print.

Here belongs what a person types and reads. What a command does is done elsewhere.
"""
