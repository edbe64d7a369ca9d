"""Which export a window is in the midst of, from its first commit to `_manifest.json`.

A window that is complete says so by `_manifest.json`. Whoever replaces the first of its shards
writes `_export.json` beside it, then takes `_manifest.json` away, and only then touches a shard;
whoever completes the window writes `_manifest.json` first and then takes `_export.json` away. So
wherever one of them is killed:

* beside `_manifest.json` everything is as that says, and an `_export.json` there says nothing;
* without it, `_export.json` says which shards are yet to be exported. What it calls older is
  whole and proven, but no part of what was asked for last.

All of it happens with the folder locked. An object store has no locks: there two exports of one
window at the same time may each think that it was the first.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    ExportRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
)
from etl_assets.store.proof import readable
from etl_assets.store.recipe import WindowRequest

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ExportRun:
    """A run that exports shards of a window.

    Attributes:
        run_id: its id.
        since: when it was asked for.
        shards: the file stems of the shards that it is to export; None for all of the window's.
        continues: whether it goes on with an earlier run rather than begins anew.
        completes: the window, where its last shard has to complete it since nothing else of the
            run does.
        follows: whether it was asked for after another run, whatever clocks say; None where nobody
            knows.
    """

    run_id: str
    since: datetime
    shards: tuple[str, ...] | None
    continues: bool = False
    completes: WindowRequest | None = None
    follows: Callable[[str], bool | None] = lambda run_id: None

    @classmethod
    def of(cls, manifest: ShardManifest) -> "ExportRun":
        """A run of which nothing is known but that it has exported this shard."""
        return cls(manifest.run_id, manifest.started_at, (manifest.shard.file_stem,))


def ongoing_export(folder: Folder) -> ExportRecord | None:
    """The export that a window is in the midst of; None where it is complete, or none has begun."""
    return None if folder.size(TABLE_MANIFEST) is not None else _record(folder)


def begin_export(folder: Folder, partition: str, table: str, run: ExportRun) -> None:
    """Say that a run exports the window, before it replaces a shard; nothing proves it from now on.

    The folder has to be locked.
    """
    there, proven = None, None
    if folder.size(TABLE_MANIFEST) is not None:
        proven = TableManifest.read(folder, TABLE_MANIFEST)
    else:
        there = _record(folder)
    record = _joined(there, run) if there is not None else None
    if record is None:
        before: set[str] = set()
        if proven is not None:
            before = {shard.run_id for shard in proven.shards}
        elif there is not None:
            before = {*there.run_ids, *there.replaces}
        last = proven or there
        record = ExportRecord(
            table=table,
            partition=partition,
            since=run.since,
            run_ids=(run.run_id,),
            replaces=tuple(sorted(filter(run.follows, before))),
            shards=run.shards,
            merged=last.merged if last is not None else None,
        )
    if record != there:
        folder.write_json(EXPORT_RECORD, record.as_json())
    folder.remove_proof(TABLE_MANIFEST)


def forget_export(folder: Folder) -> None:
    """Remove what an export left that was killed as it began or as it ended."""
    with folder.exclusively():
        if folder.size(TABLE_MANIFEST) is not None:
            folder.remove(EXPORT_RECORD)


def has_exported_all(folder: Folder, request: WindowRequest) -> bool:
    """Whether an export that has begun has exported every shard that it was to.

    The shards are asked in no order: however far it is, few have to be asked to find one that is
    missing. The folder has to be locked.
    """
    record = ongoing_export(folder)
    if record is None:
        return False
    for shard in random.sample(request.shards, len(request.shards)):
        if record.shards is not None and shard.file_stem not in record.shards:
            continue
        name = manifest_name(shard)
        with readable(folder, name):
            manifest = ShardManifest.read(folder, name)
        if manifest is None or record.is_older(manifest):
            return False
    return True


def _joined(there: ExportRecord, run: ExportRun) -> ExportRecord | None:
    """The export that is under way with a run added to it; None where the run begins anew."""
    if run.run_id in {*there.run_ids, *there.replaces}:
        return there
    follows = run.follows(there.run_ids[0]) if there.run_ids else None
    # An export from the future is one of a wrong clock.
    is_earlier = run.since < there.since <= datetime.now(UTC) if follows is None else not follows
    if run.shards is None and not run.continues and not is_earlier and run.since != there.since:
        return None
    if is_earlier and there.shards is None:
        # The later one exports all shards too: what this one exports does not count.
        return there.model_copy(update={"replaces": (*there.replaces, run.run_id)})
    united = (
        None
        if there.shards is None or run.shards is None
        else tuple(sorted({*there.shards, *run.shards}))
    )
    return there.model_copy(
        update={
            "since": min(there.since, run.since),
            "run_ids": (*there.run_ids, run.run_id),
            "shards": united,
        }
    )


def _record(folder: Folder) -> ExportRecord | None:
    """`_export.json`; where it cannot be read, every shard has to be exported."""
    if folder.size(EXPORT_RECORD) is None:
        return None
    return ExportRecord.found(folder, EXPORT_RECORD) or ExportRecord(
        table="", partition="", since=_NEVER, run_ids=(), shards=None
    )
