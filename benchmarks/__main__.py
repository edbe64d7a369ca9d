"""This product beside the other ways to get MySQL tables out as CSV: medians and ratios.

    python -m benchmarks [--rows 250000] [--runs 5] [--only shapes] [--write docs/benchmarks.md]

A private server is started and stopped. A way that is not installed is listed as such.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchmarks.measure import interleaved
from benchmarks.report import Report
from benchmarks.tables import MIXED, SHAPES, make_numbers, make_table
from benchmarks.ways import ON_EVERY_SHAPE, WAYS, Job
from benchmarks.whole import compare_pools, make_events, make_shards, peaks
from etl_assets_tests.support.certificates import make_certificate
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server, private_server

_MEMORY = "--innodb-buffer-pool-size=2G"
_LONG = 2_000_000


@dataclass(frozen=True)
class Bench:
    """One run of the comparisons: where, how much, and where the figures go."""

    server: Server
    job: Job
    report: Report
    rows: int
    runs: int
    pool_runs: int

    def ways(self) -> None:
        """Every way there is, on the mixed table."""
        title = f"One shard table of {self.rows:,} rows: {MIXED.strains}"
        self._single(title, {name: (name, self.job) for name in WAYS})

    def shapes(self) -> None:
        """The fastest ways and pandas on every other shape."""
        for shape in SHAPES:
            if shape is not MIXED:
                make_table(self.server, shape, self.rows)
                job = replace(self.job, table=shape.name)
                title = f"{shape.rows(self.rows):,} rows: {shape.strains}"
                self._single(title, {name: (name, job) for name in ON_EVERY_SHAPE})

    def compression(self) -> None:
        """The product with each compression, and pandas with one."""
        kinds = {
            f"etl-assets, {kind}": ("etl-assets", replace(self.job, compression=kind))
            for kind in ("none", "gzip", "zstd")
        }
        zipped = {"pandas, gzip": ("pandas", replace(self.job, compression="gzip"))}
        self._single("Compressed, the mixed table", {"drain": ("drain", self.job)} | kinds | zipped)

    def tls(self) -> None:
        """The mixed table over an encrypted connection, from a server that offers it."""
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = make_certificate(Path(folder))
            with serving(f"--ssl-cert={certificate}", f"--ssl-key={key}") as (server, job):
                make_numbers(server, self.rows)
                make_table(server, MIXED, self.rows)
                encrypted = replace(job, encrypted=True)
                jobs = {name: (name, encrypted) for name in ("drain", "etl-assets", "pandas")}
                self._single("Encrypted, the mixed table", jobs)

    def pool(self) -> None:
        """Sixteen shards, whole commands."""
        make_shards(self.server)
        title = f"16 shards of {self.rows:,} rows on 2 processes, whole commands"
        with tempfile.TemporaryDirectory() as folder:
            self.report.whole(title, compare_pools(self.job, Path(folder), self.pool_runs))

    def memory(self) -> None:
        """A long table beside a short one."""
        rows = min(_LONG, self.rows * 8)
        make_events(self.server, rows)
        with tempfile.TemporaryDirectory() as folder:
            long, short = peaks(self.job, Path(folder), self.pool_runs)
        figures = {f"{rows:,} rows": long, "10 rows": short}
        self.report.memory("Memory of all processes of `etl-assets export`", figures)

    def _single(self, title: str, jobs: Mapping[str, tuple[str, Job]]) -> None:
        self.report.single(title, interleaved(jobs, self.runs))


PARTS = ("ways", "shapes", "compression", "tls", "pool", "memory")


@click.command()
@click.option("--rows", default=250_000, show_default=True, help="Rows of a shard table.")
@click.option("--runs", default=5, show_default=True, help="Runs of each way.")
@click.option("--pool-runs", default=3, show_default=True, help="Runs of each whole command.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Parts; all by default.")
@click.option("--write", type=click.Path(path_type=Path), help="Where the tables go as Markdown.")
def main(rows: int, runs: int, pool_runs: int, only: tuple[str, ...], write: Path | None) -> None:
    """Compare the ways to export sharded MySQL tables as CSV."""
    report = Report()
    with serving() as (server, job):
        report.heading(server)
        make_numbers(server, rows)
        make_table(server, MIXED, rows)
        bench = Bench(server, job, report, rows, runs, pool_runs)
        for part in PARTS:
            if not only or part in only:
                getattr(bench, part)()
    if write is not None:
        report.write(write)


@contextmanager
def serving(*options: str) -> Iterator[tuple[Server, Job]]:
    """A private server with enough memory for all tables, and a job for its mixed one."""
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as folder,
        private_server(Path(home), _MEMORY, *options) as server,
    ):
        # A dump reads more than rows, and has the server write a file.
        server.execute(f"GRANT ALL ON *.* TO '{server.reader}'@'%'")
        Path(folder).chmod(0o755)
        yield (
            server,
            Job(
                server.host,
                server.port,
                server.reader,
                os.environ[PASSWORD_VARIABLE],
                MIXED.name,
                folder,
            ),
        )


if __name__ == "__main__":
    main()
