"""A window's files against their manifests, without a database.

Every finding is one line that names the file, the cause and the next step. `--resume` keeps a file
of its manifest's size, so a damaged one of the right size is exported again only without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from pydantic import ValidationError

from etl_assets.errors import CsvError
from etl_assets.printable import printable
from etl_assets.store.files import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
    merged_names,
)
from etl_assets.store.proof import Claim, FileProof, reason
from etl_assets.store.strays import CsvFiles, strays
from etl_assets.topology import Shard

_RESUME = "export the window with --resume"
_ANEW = "export the window again, without --resume"
_SEE = "see to its permissions, then verify again"


def verify_window(folder: Folder, partition: str, shards: Sequence[Shard]) -> Iterator[str]:
    """Every finding; nothing where all is proven."""
    yield from map(printable, _window(folder, partition, shards))


def verify_shard(folder: Folder, partition: str, shard: Shard) -> Iterator[str]:
    """Every finding of one shard's files; nothing where they are proven."""
    found = _claimed(folder, partition, folder.names(), shard)
    if isinstance(found, str):
        yield printable(found)
        return
    for claim in Claim.of_shard(found):
        yield from map(printable, verify_file(folder, claim))


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
            for _ in proof.records():
                pass
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
        causes.insert(0, f"wanted {claim.bytes} bytes, found {proof.size}")
    other = (others or {}).get(proof.sha256, claim.file)
    if causes and other != claim.file and proof.sha256 != claim.sha256:
        causes = [f"holds what the manifest of {other} says, not what its own does"]
    if causes:
        # --resume takes a file of the right size for proven.
        advice = _ANEW if proof.size == claim.bytes else _RESUME
        yield f"{where}: {', and '.join(causes)}; {advice}"


def _window(folder: Folder, partition: str, shards: Sequence[Shard]) -> Iterator[str]:
    found = folder.each(partial(_claimed, folder, partition, folder.names()), shards)
    yield from (finding for finding in found if isinstance(finding, str))
    manifests = [manifest for manifest in found if not isinstance(manifest, str)]
    claims = [claim for manifest in manifests for claim in Claim.of_shard(manifest)]
    files = {claim.sha256: claim.file for claim in claims}
    for findings in folder.each(lambda claim: list(verify_file(folder, claim, files)), claims):
        yield from findings
    yield from _extra(folder, partition, shards, manifests)
    yield from _table(folder, manifests, shards)
    yield from _merged(folder, shards[0].table)


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
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "it was being written"


def _of_another(
    folder: Folder, manifest: ShardManifest, shard: Shard, partition: str
) -> str | None:
    """A manifest that was copied from another shard or window proves nothing of this file."""
    where = folder.location(manifest_name(shard))
    if (manifest.shard, manifest.partition) != (shard, partition):
        return (
            f"{where}: wanted the manifest of {shard} for {partition}, "
            f"found that of {manifest.shard} for {manifest.partition}; {_RESUME}"
        )
    if not manifest.has_its_names:
        found = ", ".join(repr(record.file) for record in manifest.files)
        return (
            f"{where}: wanted it to name {csv_name(shard, manifest.csv)} or its parts, "
            f"found {found}; {_RESUME}"
        )
    if manifest.sample is not None:
        return f"{where}: of a trial of at most {manifest.sample} rows; {_RESUME}"
    return None


def _extra(
    folder: Folder, partition: str, shards: Sequence[Shard], manifests: Sequence[ShardManifest]
) -> Iterator[str]:
    """Files that do not belong here."""
    names = folder.names()
    stray = strays(folder, names, partition, shards)
    proofs = {TABLE_MANIFEST, *map(manifest_name, shards)}
    files = CsvFiles(names)
    # Beside a shard that has no manifest nobody can say which copy is the older one.
    older = {name: m.files[0].file for m in manifests for name in files.older(m)}
    known = {name for shard in shards for name in files.of(shard)}
    for name in names:
        where = folder.location(name)
        if name in stray:
            yield (
                f"{where}: of {stray[name]}, which is no shard of the configuration; "
                "remove it, as the next export of the window does"
            )
        elif name in older:
            yield f"{where}: an older copy beside {older[name]}; remove it"
        elif name not in proofs | known and name not in merged_names(shards[0].table):
            yield (
                f"{where}: belongs to no shard of the configuration; "
                "move it to another folder or remove it"
            )
    for name in folder.abandoned():
        yield f"{folder.location(name)}: left by a writer that is gone; remove it"


def _merged(folder: Folder, table: str) -> Iterator[str]:
    """The file of all shards, and what is left of earlier ones."""
    try:
        manifest = TableManifest.read(folder, TABLE_MANIFEST)
    except OSError:
        manifest = None
    if manifest is None:
        # Told already: nothing says whether the file belongs here.
        return
    merged = manifest.merged
    if merged is not None:
        yield from verify_file(folder, Claim.of_merged(manifest, merged))
    for name in merged_names(table):
        if name in folder.names() and (merged is None or name != merged.file):
            yield f"{folder.location(name)}: of earlier settings; remove it"


def _table(
    folder: Folder, manifests: Sequence[ShardManifest], shards: Sequence[Shard]
) -> Iterator[str]:
    where = folder.location(TABLE_MANIFEST)
    try:
        table = TableManifest.read(folder, TABLE_MANIFEST)
    except OSError as error:
        yield f"{where}: {reason(error)}; {_SEE}"
        return
    if table is None:
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
