"""A host that is away: a lane of a thousand shards does not wait for it a thousand times."""

import time

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import EtlAssetsError, ShardError
from etl_assets.source.failures import is_unreachable
from etl_assets.tables.topology import Shard

AWAY_SECONDS = 60.0
"""How long shard after shard finds no host before the others of the lane are not tried."""


class HostWatch:
    """Looks at how the shards of one step end."""

    def __init__(self) -> None:
        self._away_since: float | None = None

    def refuse(self, shard: Shard) -> None:
        """Refuse a shard whose host was not there for all those before it, for a minute.

        Raises:
            ShardError: with the next step.
        """
        if self._away_since is not None and time.monotonic() - self._away_since > AWAY_SECONDS:
            raise ShardError(
                f"{shard}: not tried: {shard.host} could not be reached for the shards before it",
                next_step="see that the server runs and can be reached, and export with --resume",
            )

    def note(self, began: float, error: EtlAssetsError | None) -> None:
        """A shard has ended: when it began, and what it has failed with."""
        cause = error.__cause__ if error is not None else None
        if not isinstance(cause, DBAPIError) or not is_unreachable(cause):
            self._away_since = None
        elif self._away_since is None:
            self._away_since = began
