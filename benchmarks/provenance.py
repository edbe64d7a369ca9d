"""What was measured where and with what: a line below each section."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench

_PACKAGES = (
    "etl-assets", "pymysql", "sqlalchemy", "pandas", "numpy", "pyarrow", "connectorx", "duckdb",
    "polars", "dlt", "mysqlclient", "dagster",
)  # fmt: skip


def provenance(bench: Bench, part: str) -> str:
    """Date, command, machine, versions."""
    version = bench.server.execute("SELECT VERSION()")[0][0]
    command = ["benchmarks", "--only", part, *bench.sizes.options()]
    return (
        f"*{datetime.now(UTC):%Y-%m-%d}, `python -m {' '.join(command)}`; "
        f"{_processor()}, {os.cpu_count()} cores, server included; "
        f"{platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, {version}; {', '.join(_versions())}*"
    )


def _versions() -> Iterable[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
