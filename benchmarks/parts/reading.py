"""The way back: an exported shard read into a frame, and proven."""

from benchmarks import ours, reading
from benchmarks.bench import Bench
from benchmarks.job import Job
from benchmarks.measure import interleaved
from benchmarks.page import Section, bold

_ARROW = "pyarrow.csv, to pandas"


def read(bench: Bench) -> Section:
    """An exported shard into a frame: read_export beside other readers of CSV."""
    job = _exported(bench)
    section = Section(
        "Read back into a frame",
        f"{bench.sizes.rows:,} rows of the mixed shard. `read_export` proves the file by its "
        "size, hash, header and count, gives exact types and tells NULL from `''`; the others "
        "read texts, and prove nothing.",
    )
    ways = {
        "read_export": reading.ours_to_pandas,
        "read_export, as_arrow": reading.ours_to_arrow,
        _ARROW: reading.arrow_to_pandas,
        "pyarrow.csv, its own table": reading.arrow,
        "polars, its own frame": reading.polars,
        "DuckDB, to pandas": reading.duckdb,
        "pandas.read_csv": reading.pandas,
    }
    contest = {name: (way, job) for name, way in ways.items()}
    section.ways(interleaved(contest, bench.sizes.runs), base=_ARROW)
    return section


def verify(bench: Bench) -> Section:
    """An exported shard proven: verify beside sha256sum."""
    job = _exported(bench)
    megabytes = job.exported.stat().st_size / 1e6
    section = Section(
        "Verify",
        f"The mixed shard's file of {megabytes:.0f} MB: size, hash, header, and each record by "
        "a strict parser. *sha256sum* is the hash alone.",
    )
    ways = {
        "etl-assets verify": reading.verify,
        "sha256sum": reading.sha256sum,
        "hashlib, and csv to count": reading.hash_and_count,
    }
    contest = {name: (way, job) for name, way in ways.items()}
    taken = interleaved(contest, bench.sizes.runs)
    fastest = min(one.wall for one in taken.values() if not isinstance(one, str))
    section.table(
        ("way", "MB/s", "MB/s of CPU time"),
        (
            (name, one, "")
            if isinstance(one, str)
            else (
                name,
                bold(f"{megabytes / one.wall:.0f}", one.wall == fastest),
                f"{megabytes / one.cpu:.0f}",
            )
            for name, one in taken.items()
        ),
    )
    return section


def _exported(bench: Bench) -> Job:
    """The mixed shard with its file and manifest."""
    job = bench.job()
    ours.export(job)
    return job
