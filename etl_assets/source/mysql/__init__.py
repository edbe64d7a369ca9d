"""What is MySQL's and MariaDB's alone: `backend` is the way in, the rest is what it answers with.

Whoever is outside `source` asks `source`, and does not ask which database it is. Cutting a shard
table (`export.split`), ending its query and reading its wire (`extract`) are MySQL's as they stand.
"""
