"""Random tables and settings, exported and compared with what the plain driver reads: `make fuzz`.

Each case has a number: `--case N` with the same seed tries it again, on a server of the same kind.
"""

import sys

if __name__ == "__main__":
    # Imported here: the processes of parts import this module too, and need nothing of it.
    from etl_assets_tests.fuzz.command import main

    sys.exit(main())
