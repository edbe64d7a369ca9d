"""One shard, one file: this product's step beside the other ways, less start-up."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import ours, peers
from benchmarks.bench import Bench, started
from benchmarks.job import Job
from benchmarks.measure import Contest, Result, Way
from benchmarks.page import DRAIN, Section, best, bold, seconds_of
from benchmarks.tables import MIXED, SHAPES
from etl_assets_tests.support.certificates import make_certificate

OURS = "etl-assets"
WITHOUT_KERNELS = "etl-assets, numpy"
FASTEST: Mapping[str, Way] = {
    "connectorx": peers.connectorx,
    "mysqldump --tab": peers.dump_tab,
    "client": peers.client,
    "DuckDB": peers.duckdb,
}
USUAL: Mapping[str, Way] = {"SQLAlchemy + csv": peers.sqlalchemy, "pandas": peers.pandas}
ON_MIXED: Mapping[str, Way] = {"mysqlclient + csv": peers.mysqlclient, "dlt": peers.dlt}


def shapes(bench: Bench) -> Section:
    """One shard of each shape beside every other way."""
    section = Section(
        "One shard to one file",
        "Seconds in multiples of *drain*, which reads the result's bytes from the socket and "
        "throws them away. Imports and the start of Python are not counted; this product's "
        "file is counted in the same snapshot, hashed, durable and has its manifest at the "
        "end, the others' are not. The best of each row is bold. *connectorx* is connectorx "
        "with Arrow's CSV writer; its raw bytes are made hex by the server. *mysqldump --tab* "
        "is `SELECT INTO OUTFILE`: the server writes the file, on its own machine. *client* "
        "is the server's command line with `--batch --quick`: tabs and backslashes, not CSV. "
        "*DuckDB* is its MySQL scanner.",
    )
    found: dict[str, dict[str, Result]] = {}
    for shape in SHAPES:
        print(f"… {shape.name}", flush=True)
        job = bench.job(shape)
        ways = {**FASTEST, **USUAL, **(ON_MIXED if shape is MIXED else {})}
        found[shape.name] = bench.contest(_contest(job, ways))
    _summary(section, found)
    section.add(
        "![Times of the drain](images/benchmarks.svg)", "",
        "Seconds, CPU seconds and resident memory of the client; imports count for the memory.", "",
    )  # fmt: skip
    for shape in SHAPES:
        section.add(f"### {shape.rows(bench.sizes.rows):,} rows: {shape.strains}", "")
        section.ways(found[shape.name])
    section.figure = _plot(found)
    return section


def compression(bench: Bench) -> Section:
    """The mixed shard compressed."""
    section = Section(
        "Compressed",
        "The mixed shard. gzip at level 6, zstd at level 3; the client's through a pipe.",
    )
    contest: dict[str, tuple[Way, Job]] = {DRAIN: (ours.drain, bench.job())}
    ways = {OURS: ours.export, **FASTEST, "pandas": peers.pandas}
    del ways["mysqldump --tab"]
    for kind in ("none", "gzip", "zstd"):
        job = bench.job(compression=kind)
        contest |= {f"{name}, {kind}": (way, job) for name, way in ways.items()}
    taken = bench.contest(contest)
    for kind in ("none", "gzip", "zstd"):
        ending = f", {kind}"
        section.add(f"### {kind}", "")
        section.ways({
            name: one for name, one in taken.items() if name == DRAIN or name.endswith(ending)
        })  # fmt: skip
    return section


def tls(bench: Bench) -> Section:
    """The mixed shard over an encrypted connection."""
    section = Section(
        "Encrypted", "The mixed shard over TLS, from a server that offers it; *drain* too."
    )
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = make_certificate(Path(folder))
        with started(bench.sizes, f"--ssl-cert={certificate}", f"--ssl-key={key}") as encrypted:
            job = encrypted.job(encrypted=True)
            ways = {
                name: way
                for name, way in {**FASTEST, **USUAL}.items()
                # Connectorx knows no TLS without a certificate that it can verify.
                if name not in ("connectorx", "mysqldump --tab")
            }
            section.ways(encrypted.contest(_contest(job, ways)))
    return section


def _contest(job: Job, ways: Mapping[str, Way]) -> Contest:
    return {
        DRAIN: (ours.drain, job),
        OURS: (ours.export, job),
        WITHOUT_KERNELS: (ours.export, replace(job, kernels="off")),
        **{name: (way, job) for name, way in ways.items()},
    }


def _times(results: Mapping[str, Result]) -> dict[str, float]:
    """For each way that did not fail its times of the drain."""
    drain = seconds_of(results, DRAIN)
    return {name: one.wall / drain for name, one in results.items() if not isinstance(one, str)}


def _summary(section: Section, found: Mapping[str, Mapping[str, Result]]) -> None:
    names = (OURS, WITHOUT_KERNELS, *FASTEST, *USUAL)
    rows = []
    for shape in SHAPES:
        times = _times(found[shape.name])
        fastest = best(found[shape.name], but=DRAIN)
        rows.append((
            f"*{shape.name}*: {shape.strains}",
            *(bold(f"{times[n]:.2f}", n == fastest) if n in times else "–" for n in names),
        ))  # fmt: skip
    section.table(("times of the drain", *names), rows)


def _plot(found: Mapping[str, Mapping[str, Result]]) -> Figure:
    """Times of the drain, a group of bars for each shape."""
    names = (OURS, *FASTEST)
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        heights = [_times(results).get(name, 0.0) for results in found.values()]
        places = [place + number * width for place in range(len(found))]
        axes.bar(places, heights, width, label=name)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(found))], list(found))
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel("times of the drain; lower is better")
    figure.legend(loc="outside upper center", ncols=len(names))
    return figure
