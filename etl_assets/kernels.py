"""Whether the compiled kernels do their work, or what stands in for them.

A kernel is a module of Python with types that Cython compiles: `extract/kernel.py` makes CSV of the
server's packets, `store/record_kernel.py` reads CSV strictly. Where no C compiler was there at the
installation, numpy and `re` do the same work, slower and byte for byte alike.
"""

import os

SWITCH = "ETL_ASSETS_KERNELS"
"""Set to `off`, this environment variable has the work done without them."""


def are_wanted() -> bool:
    """Whether a kernel is to be used where it is there."""
    return os.environ.get(SWITCH, "on") != "off"
