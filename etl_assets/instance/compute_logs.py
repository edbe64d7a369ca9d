"""A compute-log manager that only redirects.

Dagster's own starts four processes a step to copy the streams back to the terminal; with hundreds
of steps a run that costs more than the steps. Here stdout and stderr go to the same files, can be
read in the UI, and nothing is copied.
"""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import Field, StringSource

from etl_assets.private.dagster import (
    CapturedLogContext,
    ConfigurableClassData,
    LocalComputeLogManager,
    redirect_to_file,
)


class RedirectingComputeLogManager(LocalComputeLogManager):
    """Local compute logs by redirection alone; `base_dir` defaults to $DAGSTER_HOME/storage."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The configuration in dagster.yaml."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "RedirectingComputeLogManager":
        """Made by the instance."""
        default = Path(os.environ.get("DAGSTER_HOME", "")) / "storage"
        return cls(base_dir=config_value.get("base_dir", str(default)), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Redirect both streams to the step's files."""
        out, err = (Path(self.get_captured_local_path(log_key, kind)) for kind in ("out", "err"))
        out.parent.mkdir(parents=True, exist_ok=True)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err):
            yield CapturedLogContext(log_key)
        Path(self.get_captured_local_path(log_key, "complete")).touch()
