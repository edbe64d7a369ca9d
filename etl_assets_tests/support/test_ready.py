"""A command that is forked starts as one that is not: nothing around the tests is in it."""

import os
import subprocess
import sys
from pathlib import Path

from etl_assets_tests.support.shop import small_shop

RUN = """
import sys
from pathlib import Path
from etl_assets_tests.support.ready import run_forked
print(*run_forked(Path(sys.argv[1]), [sys.argv[2]], {}, 60))
"""


def test_a_command_has_no_configuration_that_the_tests_are_started_with(tmp_path: Path) -> None:
    shop = small_shop(tmp_path / "shop")
    script = tmp_path / "script.py"
    script.write_text("import sys; print('etl_assets.definitions' in sys.modules)")
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), str(script)],
        env={**os.environ, "ETL_ASSETS_CONFIG": str(shop.folder / "etl_assets.yaml")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["0", "False"], ran.stderr
