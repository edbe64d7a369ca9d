"""What is MySQL's and MariaDB's alone: driver, binary log, grants, failures, ending a query.

Whoever is outside `source` asks `source`, and does not ask which database it is.
"""
