"""A window's files against their manifests, without a database.

Every finding is one line that names the file, the cause and the next step. `--resume` keeps a file
of its manifest's size, so a damaged one of the right size is exported again only without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from pydantic import ValidationError

from etl_assets.errors import CsvError, IncompleteError, StoreError
from etl_assets.printable import printable
from etl_assets.store.complete import refuse_drift
from etl_assets.store.folder import Folder
from etl_assets.store.leftovers import CsvFiles, gone_files, unknown_copies
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    ExportRecord,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
    merged_name,
)
from etl_assets.store.ongoing import ongoing_export
from etl_assets.store.proof import Claim, FileProof, reason
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import utc_text

_RESUME = "export the window with --resume"
_ANEW = "export the window again, without --resume"
_MOVE = "move it to another folder or remove it"
_SEE = "see to its permissions, then verify again"


def verify_window(folder: Folder, request: WindowRequest) -> Iterator[str]:
    """Every finding; nothing where all is proven, and as the configuration asks for."""
    yield from map(printable, _window(folder, request))


def verify_shard(folder: Folder, partition: str, shard: Shard) -> Iterator[str]:
    """Every finding of one shard's files; nothing where they are proven."""
    found = _claimed(folder, partition, folder.names(), shard)
    if isinstance(found, str):
        yield printable(found)
        return
    yield from map(printable, verify_file(folder, Claim.of_shard(found)))


def verify_file(
    folder: Folder, claim: Claim, others: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Read a file to its end with the strict parser and compare what it holds.

    `others` names the files of other shards by their SHA-256.
    """
    where = folder.location(claim.file)
    proof = FileProof(folder, claim)
    problem = ""
    try:
        try:
            proof.read()
        except (CsvError, EOFError, ValueError) as error:
            problem = str(error)
            # Size and hash are of the whole file, wherever its records break off.
            proof.skip()
    except FileNotFoundError:
        yield f"{where}: missing, though its manifest is there; {_RESUME}"
        return
    except OSError as error:
        yield f"{where}: {reason(error)}; {_SEE}"
        return
    causes = [problem] if problem else proof.causes()
    if problem and proof.size != claim.bytes:
        causes.insert(0, f"expected {claim.bytes} bytes, got {proof.size}")
    other = (others or {}).get(proof.sha256, claim.file)
    if causes and other != claim.file and proof.sha256 != claim.sha256:
        causes = [f"holds what the manifest of {other} says, not what its own does"]
    if causes:
        # --resume takes a file of the right size for proven.
        advice = _ANEW if proof.size == claim.bytes else _RESUME
        yield f"{where}: {', and '.join(causes)}; {advice}"


def _window(folder: Folder, request: WindowRequest) -> Iterator[str]:
    names, shards = folder.names(), request.shards
    record = _ongoing(folder)
    if not _has_any(names, shards):
        yield f"{folder.location('')}: nothing was exported; export the window"
        yield from _extra(folder, names, request, [], record)
        return
    found = folder.ask_all(partial(_claimed, folder, request.partition, names), shards)
    yield from (finding for finding in found if isinstance(finding, str))
    manifests = [manifest for manifest in found if not isinstance(manifest, str)]
    claims = [Claim.of_shard(manifest) for manifest in manifests]
    files = {claim.sha256: claim.file for claim in claims}
    for findings in folder.ask_all(lambda claim: list(verify_file(folder, claim, files)), claims):
        yield from findings
    for manifest in manifests:
        yield from _otherwise(folder, manifest, request, record)
    yield from _extra(folder, names, request, manifests, record)
    yield from _table(folder, manifests, shards, record)
    yield from _drift(folder, manifests, request)
    yield from _merged(folder, request)


def _drift(
    folder: Folder, manifests: Sequence[ShardManifest], request: WindowRequest
) -> Iterator[str]:
    """Shards that are whole and not of one shape."""
    try:
        if manifests:
            refuse_drift(manifests, request.on_drift)
    except IncompleteError as error:
        yield f"{folder.location('')}: {error}"


def _ongoing(folder: Folder) -> ExportRecord | None:
    try:
        return ongoing_export(folder)
    except StoreError:
        # What is there and cannot be read is reported under its own name.
        return None


def _has_any(names: Sequence[str], shards: Sequence[Shard]) -> bool:
    files, there = CsvFiles(names), set(names)
    return TABLE_MANIFEST in there or any(
        manifest_name(shard) in there or files.of(shard) for shard in shards
    )


def _otherwise(
    folder: Folder, manifest: ShardManifest, request: WindowRequest, record: ExportRecord | None
) -> Iterator[str]:
    """What is whole and proven, and yet not what is asked for."""
    where = folder.location(manifest.file)
    if differences := request.recipe.differences(manifest):
        yield (
            f"{where}: made otherwise than the configuration asks for: "
            f"{', '.join(differences)}; {_RESUME}"
        )
    elif record is not None and record.is_older(manifest):
        yield (
            f"{where}: exported before the export that began at {utc_text(record.since)}; {_RESUME}"
        )


def _claimed(
    folder: Folder, partition: str, names: Sequence[str], shard: Shard
) -> ShardManifest | str:
    """A shard's manifest, or the finding that it has none of its own."""
    try:
        manifest = ShardManifest.read(folder, manifest_name(shard))
    except OSError as error:
        return f"{folder.location(manifest_name(shard))}: {reason(error)}; {_SEE}"
    if manifest is None:
        return _unproven(folder, shard, names)
    return _of_another(folder, manifest, shard, partition) or manifest


def _unproven(folder: Folder, shard: Shard, names: Sequence[str]) -> str:
    """What there is of a shard without a manifest."""
    name = manifest_name(shard)
    if name in names:
        cause = _why_no_manifest(folder, name)
        return f"{folder.location(name)}: is not a shard's manifest: {cause}; {_RESUME}"
    if there := CsvFiles(names).of(shard):
        return (
            f"{folder.location(there[0])}: whole but unproven, its manifest is missing; {_RESUME}"
        )
    return f"{folder.location(name)}: missing, and so is its CSV; {_RESUME}"


def _why_no_manifest(folder: Folder, name: str) -> str:
    value = folder.read_json(name)
    if not isinstance(value, dict):
        return "no JSON object"
    try:
        ShardManifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        # Such as one whose shard was kept in several files.
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}, as another version may have written it"
    return "it was being written"


def _of_another(
    folder: Folder, manifest: ShardManifest, shard: Shard, partition: str
) -> str | None:
    """A manifest that was copied from another shard or window proves nothing of this file."""
    where = folder.location(manifest_name(shard))
    if (manifest.shard, manifest.partition) != (shard, partition):
        return (
            f"{where}: expected the manifest of {shard} for {partition}, "
            f"got that of {manifest.shard} for {manifest.partition}; {_RESUME}"
        )
    if not manifest.has_its_name:
        return (
            f"{where}: expected it to name {csv_name(shard, manifest.csv)}, "
            f"got {manifest.file!r}; {_RESUME}"
        )
    if manifest.sample is not None:
        return f"{where}: of a trial of at most {manifest.sample} rows; {_RESUME}"
    return None


def _extra(
    folder: Folder,
    names: Sequence[str],
    request: WindowRequest,
    manifests: Sequence[ShardManifest],
    record: ExportRecord | None,
) -> Iterator[str]:
    """Files that do not belong here."""
    shards = request.shards
    gone = gone_files(folder, names, request.partition, shards)
    copies = unknown_copies(names, manifests)
    files = CsvFiles(names)
    known = {TABLE_MANIFEST, EXPORT_RECORD, *map(manifest_name, shards)}
    # Beside a shard that has no manifest nobody can say which copy is the older one.
    known |= {name for shard in shards for name in files.of(shard)}
    known |= _merged_names(folder, request, record)
    for name in names:
        where = folder.location(name)
        if name in gone:
            yield (
                f"{where}: of {gone[name]}, which is no shard of the configuration; "
                "remove it, as an export with --shards-gone does"
            )
        elif name in copies:
            yield f"{where}: beside {copies[name].file}, and no manifest names it; {_MOVE}"
        elif name not in known:
            yield f"{where}: belongs to no shard of the configuration; {_MOVE}"
    for name in folder.abandoned():
        yield f"{folder.location(name)}: left by a writer that is gone; remove it"


def _merged_names(folder: Folder, request: WindowRequest, record: ExportRecord | None) -> set[str]:
    """The names of the files of all shards that this product has written here, or will."""
    table = TableManifest.found(folder, TABLE_MANIFEST)
    merged = [proof.merged for proof in (table, record) if proof is not None]
    names = {file.file for file in merged if file is not None}
    return names | ({merged_name(request.table, request.recipe.csv)} if request.merge else set())


def _merged(folder: Folder, request: WindowRequest) -> Iterator[str]:
    """The file of all shards."""
    manifest = TableManifest.found(folder, TABLE_MANIFEST)
    if manifest is None:
        # `_table` has reported it: nothing says what the file has to hold.
        return
    if manifest.merged is not None:
        yield from verify_file(folder, Claim.of_merged(manifest, manifest.merged))
    if (manifest.merged is not None) != request.merge:
        said = "a file of all shards" if request.merge else "none"
        found = "none" if request.merge else manifest.merged.file if manifest.merged else ""
        yield (
            f"{folder.location(TABLE_MANIFEST)}: expected {said}, as `merge` asks for, "
            f"got {found}; {_RESUME}"
        )


def _table(
    folder: Folder,
    manifests: Sequence[ShardManifest],
    shards: Sequence[Shard],
    record: ExportRecord | None,
) -> Iterator[str]:
    where = folder.location(TABLE_MANIFEST)
    try:
        table = TableManifest.read(folder, TABLE_MANIFEST)
    except OSError as error:
        yield f"{where}: {reason(error)}; {_SEE}"
        return
    if table is None and record is not None:
        yield (
            f"{where}: missing, the window is exported anew since {utc_text(record.since)}; "
            f"{_RESUME}"
        )
    elif table is None:
        there = folder.size(TABLE_MANIFEST) is not None
        cause = "is not a logical table's manifest" if there else "missing"
        yield f"{where}: {cause}, so the window is not complete; {_RESUME}"
    elif [manifest.shard for manifest in table.shards] != list(shards):
        yield f"{where}: stale, its shards are not those of the configuration; {_RESUME}"
    else:
        yield from _stale(folder, table, manifests)


def _stale(
    folder: Folder, table: TableManifest, manifests: Sequence[ShardManifest]
) -> Iterator[str]:
    """The logical table's manifest against those of its shards."""
    where = folder.location(TABLE_MANIFEST)
    proven = {manifest.shard: manifest for manifest in manifests}
    missing = [m for m in table.shards if m.shard not in proven]
    differ = [m for m in table.shards if proven.get(m.shard, m) != m]
    if missing:
        yield f"{where}: stale, {manifest_name(missing[0].shard)} proves nothing; {_RESUME}"
    elif differ:
        # No export ever leaves it so: one of the two was changed, and nobody can say which.
        name = manifest_name(differ[0].shard)
        yield f"{where}: stale, {name} says something else of its shard; {_ANEW}"
    elif table.model_copy(update={"merged": None}) != TableManifest.of(manifests):
        yield f"{where}: stale, its sums are not those of its shards; {_RESUME}"
