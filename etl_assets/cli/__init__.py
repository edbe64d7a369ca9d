"""The command line `etl-assets`: parse, call, print."""
