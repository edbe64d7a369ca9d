"""What a code location says when it cannot be loaded: one line, on top of the UI's error.

How definitions are built does not belong here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from etl_assets.errors import ConfigError, UsageError


class ConfigurationError(ConfigError, dg.DagsterInvalidDefinitionError):
    """A ConfigError that Dagster shows as it is.

    Any error but its own it shows below one that lists how the code location is started, and a
    traceback of its own.
    """


@contextmanager
def errors_on_top() -> Iterator[None]:
    """Say what is wrong with a configuration in the first line of what the UI shows.

    Raises:
        ConfigurationError: a ConfigError or another UsageError came up; it says the same.
    """
    try:
        yield
    except UsageError as error:
        raise ConfigurationError(str(error)) from None
