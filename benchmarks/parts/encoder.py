"""The encoder, without a socket and without a file."""

from dataclasses import replace

from benchmarks import encoding
from benchmarks.bench import Bench
from benchmarks.measure import interleaved
from benchmarks.page import Section, bold
from benchmarks.tables import SHAPES

KERNEL, NUMPY = "compiled", "numpy"


def encoder(bench: Bench) -> Section:
    """The encoder alone: MB/s a core, what is compiled beside numpy."""
    section = Section(
        "The encoder alone",
        "Recorded results are made CSV from memory: megabytes of the server's bytes a second "
        "of CPU time. *numpy* is what runs where there was no C compiler, or with "
        "`ETL_ASSETS_KERNELS=off`.",
    )
    rows = []
    for shape in SHAPES:
        job = bench.job(shape)
        megabytes = encoding.record(job) / 1e6
        contest = {
            KERNEL: (encoding.encode, job),
            NUMPY: (encoding.encode, replace(job, kernels="off")),
        }
        taken = interleaved(contest, bench.sizes.runs)
        encoding.recorded(job).unlink()
        done = megabytes * encoding.passes(megabytes * 1e6)
        speed = {
            way: None if isinstance(one, str) else done / one.cpu for way, one in taken.items()
        }
        fast, slow = speed[KERNEL], speed[NUMPY]
        rows.append((
            shape.strains,
            f"{megabytes:.0f}",
            taken[KERNEL] if fast is None else bold(f"{fast:.0f}", fast > (slow or 0)),
            taken[NUMPY] if slow is None else bold(f"{slow:.0f}", slow > (fast or 0)),
            f"{fast / slow:.1f}" if fast and slow else "",
        ))  # fmt: skip
    section.table(("rows of", "MB", f"{KERNEL}, MB/s", f"{NUMPY}, MB/s", "times"), rows)
    return section
