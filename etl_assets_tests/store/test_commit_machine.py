"""Charter: runs of one window in any order, with wrong clocks, each killed anywhere.

A machine begins runs, lets them stage and commit shards and complete the window, kills them
between any two changes of the folder, changes the configuration, and lets a person put files there.
What `_manifest.json` says has to be true after every step, and `--resume` has to complete the
window from wherever it is left.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import IncompleteError, ShardError
from etl_assets.store import commit, manifest, ongoing
from etl_assets.store.commit import StagedShard, commit_shard, commit_window
from etl_assets.store.complete import (
    StagedWindow,
    is_complete,
    stage_window,
    unproven_shards,
)
from etl_assets.store.local import LocalFolder, _LocalStagedFile
from etl_assets.store.manifest import (
    EXPORT_RECORD,
    TABLE_MANIFEST,
    FileRecord,
    ShardManifest,
    TableManifest,
    csv_name,
    manifest_name,
)
from etl_assets.store.ongoing import ExportRun, forget_export
from etl_assets.store.recipe import Recipe, WindowRequest
from etl_assets.store.verify import verify_window
from etl_assets.store.writer import write_records
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import BEGAN, COLUMNS, KEY, QUERY, SHARDS, WINDOW, block
from etl_assets_tests.support.exported import manifest as proof_of

GZIP = CsvFormat(compression="gzip")
CONFIGURATIONS = [
    WindowRequest(
        KEY, SHARDS, Recipe(csv, QUERY.model_copy(update={"where": where}), WINDOW), merge=merge
    )
    for csv in (CsvFormat(), GZIP)
    for where in (None, "id > 1")
    for merge in (False, True)
]
PERSONS = ["notes.txt", "mine.csv", f"{SHARDS[0].file_stem}.part-9.csv", ".download.part", "x.json"]
SKEWS = st.sampled_from([timedelta(hours=hours) for hours in (0, 0, -5, -1, 1, 5)])
KILLS = st.one_of(st.none(), st.tuples(st.integers(0, 8), st.booleans()))
SOME = st.sets(st.integers(0, len(SHARDS) - 1), min_size=1, max_size=len(SHARDS) - 1)


class Clock:
    """The time of day: the true one, and what the process at work takes for it."""

    true = BEGAN
    skew = timedelta()


class Skewed(datetime):
    """A datetime of a process whose clock is wrong."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return (Clock.true + Clock.skew).astimezone(tz)


class Killed(BaseException):
    """The end of a process in the midst of its work."""


class Changes:
    """The changes of the folder, the so many-th of which kills."""

    left: int | None = None
    before = False

    @classmethod
    def counted(cls, change: Callable[..., Any]) -> Callable[..., Any]:
        """A change that may be the last one."""

        def changed(*args: Any) -> Any:
            is_last = cls.left == 0
            if cls.left is not None:
                cls.left -= 1
            if is_last and cls.before:
                raise Killed
            done = change(*args)
            if is_last:
                raise Killed
            return done

        return changed


@dataclass
class Run:
    """A run: what it is to export, and how far it is."""

    id: str
    asked_at: datetime
    since: datetime
    request: WindowRequest
    left: list[Shard]
    is_whole: bool
    skew: timedelta
    has_table: bool = True
    repeats: "Run | None" = None
    staged: list[StagedShard] = field(default_factory=list)
    window: StagedWindow | None = None

    def __repr__(self) -> str:
        return self.id


class Commits(RuleBasedStateMachine):
    """Runs of one window."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.folder = LocalFolder(Path(self.root, "orders", KEY))
        self.request = CONFIGURATIONS[0]
        self.runs: list[Run] = []
        self.known: dict[str, Run] = {}
        self.numbers = count()
        self.read_at: dict[str, datetime] = {}
        self.last_whole: datetime | None = None
        self.persons: dict[str, bytes] = {}
        self.unproven: set[str] = set()
        Clock.true, Clock.skew, Changes.left = BEGAN, timedelta(), None

    def teardown(self) -> None:
        """Whatever happened, `--resume` completes the window."""
        try:
            for run in list(self.runs):
                self.die(run)
            Clock.true += timedelta(days=1)
            self.begin("resume", set(), timedelta())
            for run in list(self.runs):
                while run.left:
                    self.stage(run)
                    self.commit(run, None)
                self.find(run)
                self.complete(run, None)
            self.what_is_said_is_true()
            assert self.findings() == []
            assert is_complete(self.folder, self.request)
        finally:
            shutil.rmtree(self.root)

    # What happens

    @rule(kind=st.sampled_from(["whole", "whole", "some", "resume"]), some=SOME, skew=SKEWS)
    def begin(self, kind: str, some: set[int], skew: timedelta) -> None:
        """A run is asked for: by `export`, in the UI for some shards, or by `--resume`."""
        shards = list(SHARDS)
        if kind == "some":
            shards = [SHARDS[number] for number in sorted(some)]
        elif kind == "resume":
            shards = unproven_shards(self.folder, self.request)
            if not shards and is_complete(self.folder, self.request):
                forget_export(self.folder)
                return
        self.add(shards, skew, has_table=kind != "some")

    def add(self, shards: list[Shard], skew: timedelta, **facts: Any) -> None:
        """Another run; the instance has a clock of its own, which is always the same."""
        Clock.true += timedelta(minutes=1)
        since = Clock.true + self.instance_skew
        run = Run(
            f"run-{next(self.numbers)}", Clock.true, since, self.request, shards,
            len(shards) == len(SHARDS), skew, **facts,
        )  # fmt: skip
        self.runs.append(run)
        self.known[run.id] = run

    instance_skew = timedelta()

    @rule(
        kind=st.sampled_from(["whole", "some", "resume"]), some=SOME, skew=SKEWS,
        stops=st.integers(0, len(SHARDS)) | st.none(),
    )  # fmt: skip
    def export(self, kind: str, some: set[int], skew: timedelta, stops: int | None) -> None:
        """A run works to its end, or until it is killed after some shards."""
        known = set(self.known)
        self.begin(kind, some, skew)
        for run in [run for run in self.runs if run.id not in known]:
            for _ in range(len(run.left) if stops is None else min(stops, len(run.left))):
                self.stage(run)
                self.commit(run, None)
            if stops is None and run.has_table:
                self.find(run)
                if run.window is not None:
                    self.complete(run, None)
            if run in self.runs:
                self.die(run)

    @rule(data=st.data(), skew=SKEWS)
    def repeat(self, data: st.DataObject, skew: timedelta) -> None:
        """A run that has failed is executed again from where it has failed."""
        gone = [run for run in self.known.values() if run not in self.runs and run.left]
        if gone:
            run = data.draw(st.sampled_from(gone))
            self.add(list(run.left), skew, has_table=run.has_table, repeats=run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def stage_one(self, data: st.DataObject) -> None:
        """A run reads a shard."""
        busy = [run for run in self.runs if run.left]
        if busy:
            self.stage(data.draw(st.sampled_from(busy)))

    @precondition(lambda self: any(run.staged for run in self.runs))
    @rule(data=st.data(), kill=KILLS)
    def commit_one(self, data: st.DataObject, kill: tuple[int, bool] | None) -> None:
        """A run commits a shard; the last one of some completes the window."""
        self.commit(data.draw(st.sampled_from([run for run in self.runs if run.staged])), kill)

    @precondition(lambda self: self.ready())
    @rule(data=st.data())
    def find_window(self, data: st.DataObject) -> None:
        """The logical table's step finds the window complete, or ends."""
        self.find(data.draw(st.sampled_from(self.ready())))

    @precondition(lambda self: any(run.window for run in self.runs))
    @rule(data=st.data(), kill=KILLS)
    def complete_window(self, data: st.DataObject, kill: tuple[int, bool] | None) -> None:
        """The logical table's step proves the window."""
        self.complete(data.draw(st.sampled_from([run for run in self.runs if run.window])), kill)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A run is killed between two of its works."""
        self.die(data.draw(st.sampled_from(self.runs)))

    @rule(request=st.sampled_from(CONFIGURATIONS))
    def configure(self, request: WindowRequest) -> None:
        """Somebody changes the settings; runs that have begun keep theirs."""
        self.request = request

    @rule(name=st.sampled_from(PERSONS), text=st.binary(max_size=30))
    def drop(self, name: str, text: bytes) -> None:
        """A person puts a file there."""
        path = Path(self.folder.location(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        self.persons[name] = text

    @rule(hours=st.integers(1, 6))
    def wait(self, hours: int) -> None:
        """Time passes."""
        Clock.true += timedelta(hours=hours)

    @rule()
    def sweep(self) -> None:
        """Somebody sweeps."""
        self.folder.sweep()

    # What is true after it

    @invariant()
    def what_is_said_is_true(self) -> None:
        """`_manifest.json` proves what is there, all of it of the last export and its additions."""
        if self.folder.size(TABLE_MANIFEST) is None:
            return
        table = TableManifest.read(self.folder, TABLE_MANIFEST)
        assert table is not None
        assert [proof.shard for proof in table.shards] == list(SHARDS)
        for proof in table.shards:
            assert ShardManifest.read(self.folder, manifest_name(proof.shard)) == proof
            assert Recipe.of_shard(table.shards[0]).differences(proof) == []
            self.assert_stored(proof)
            if self.last_whole is not None:
                read_at = self.read_at[f"{proof.run_id} {proof.shard}"]
                assert read_at >= self.last_whole, "a shard that is older than the last export"
        if table.merged is not None:
            self.assert_stored(table.merged)

    def assert_stored(self, record: ShardManifest | FileRecord) -> None:
        """A file is as its record says."""
        stored = Path(self.folder.location(record.file)).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == record.sha256

    @invariant()
    def what_a_person_put_there_stays(self) -> None:
        """Byte for byte."""
        for name, text in self.persons.items():
            assert Path(self.folder.location(name)).read_bytes() == text

    @invariant()
    def whatever_is_complete_is_verified(self) -> None:
        """`verify` is silent if and only if the window is complete."""
        assert (self.findings() == []) == is_complete(self.folder, self.request), self.findings()

    def findings(self) -> list[str]:
        """What `verify` says but of a person's files and of what killed writers have left."""
        # Under other settings nobody knows what was killed between a file and its manifest.
        known = [f"{self.folder.location(name)}: " for name in self.persons]
        known += [f"{self.folder.location(name)}: beside " for name in self.unproven]
        return [
            line
            for line in verify_window(self.folder, self.request)
            if not line.startswith(tuple(known)) and "left by a writer that is gone" not in line
        ]

    # How

    def ready(self) -> list[Run]:
        """The runs whose logical table's step comes next."""
        return [r for r in self.runs if r.has_table and not (r.left or r.staged or r.window)]

    def die(self, run: Run) -> None:
        """A run is over; what it has staged is left behind."""
        self.runs.remove(run)
        for one in run.staged:
            run.left.append(one.manifest.shard)
            assert isinstance(one.file, _LocalStagedFile)
            one.file._file.close()
        run.staged.clear()
        if run.window is not None and run.window.merged is not None:
            run.window.merged.discard()

    def ancestors(self, run: Run) -> set[str]:
        """The runs that a run repeats."""
        found = set()
        while run.repeats is not None:
            run = run.repeats
            found.add(run.id)
        return found

    def stage(self, run: Run) -> None:
        """A run reads its next shard, or keeps what is proven by the run that it repeats."""
        shard = run.left.pop(0)
        Clock.true += timedelta(minutes=1)
        Clock.skew = run.skew
        csv = run.request.recipe.csv
        number = next(self.numbers)
        file = self.folder.stage(csv_name(shard, csv))
        records = [block(csv, [(number, f"{number:09}")])]
        names = [name for name, _ in COLUMNS]
        written = write_records(file, csv, names, records, lambda rows, size: None)
        proof = proof_of(
            shard, csv, rows=1, source_rows=1, bytes=written.bytes, sha256=written.sha256,
            run_id=run.id, started_at=Clock.true + run.skew, query=run.request.recipe.query,
        )  # fmt: skip
        self.read_at[f"{run.id} {shard}"] = Clock.true
        run.staged.append(StagedShard(file, proof, b""))
        Clock.skew = timedelta()

    def exporter(self, run: Run) -> ExportRun:
        """What the run's step says of it."""

        def follows(run_id: str) -> bool | None:
            other = self.known.get(run_id) if run_id != run.id else None
            return other.since < run.since if other is not None else None

        shards = {one.manifest.shard for one in run.staged} | set(run.left) | self.done_of(run)
        return ExportRun(
            run.id,
            run.since,
            None if run.is_whole else tuple(sorted(shard.file_stem for shard in shards)),
            continues=run.repeats is not None,
            completes=None if run.has_table else run.request,
            follows=follows,
        )

    def done_of(self, run: Run) -> set[Shard]:
        """The shards that a run has read."""
        return {s for s in SHARDS if f"{run.id} {s}" in self.read_at}

    def commit(self, run: Run, kill: tuple[int, bool] | None) -> None:
        """A run commits a shard."""
        one = run.staged.pop(0)
        exporter = self.exporter(replace(run, staged=[one, *run.staged]))
        with self.killing(run, kill, one):
            done = commit_shard(self.folder, one, exporter)
            one.file.discard()
            if done.manifest.run_id == run.id and run.is_whole and run.repeats is None:
                self.last_whole = max(self.last_whole or run.asked_at, run.asked_at)
            if done.is_last:
                with contextlib.suppress(IncompleteError):
                    window = stage_window(self.folder, run.request)
                    commit_window(self.folder, window, shards_gone=False)

    def find(self, run: Run) -> None:
        """The logical table's step before its output is handled."""
        Clock.skew = run.skew
        try:
            run.window = stage_window(self.folder, run.request)
        except IncompleteError:
            self.runs.remove(run)
        finally:
            Clock.skew = timedelta()

    def complete(self, run: Run, kill: tuple[int, bool] | None) -> None:
        """The logical table's step handles its output."""
        assert run.window is not None
        window, run.window = run.window, None
        with self.killing(run, kill), window.merged or contextlib.nullcontext():
            with contextlib.suppress(IncompleteError):
                commit_window(self.folder, window, shards_gone=False)
            self.runs.remove(run)

    @contextlib.contextmanager
    def killing(
        self, run: Run, kill: tuple[int, bool] | None, one: StagedShard | None = None
    ) -> Iterator[None]:
        """Work with a run's clock, to its end or the change that kills."""
        Clock.true += timedelta(minutes=1)
        Clock.skew = run.skew
        Changes.left, Changes.before = kill or (None, False)
        try:
            yield
        except Killed:
            if one is not None:
                self.unproven.add(one.file.name)
                run.staged.insert(0, one)
                record = self.folder.read_json(EXPORT_RECORD)
                began = isinstance(record, dict) and run.id in record["run_ids"]
                begins_anew = run.is_whole and run.repeats is None
                if began and begins_anew and self.folder.size(TABLE_MANIFEST) is None:
                    self.last_whole = max(self.last_whole or run.asked_at, run.asked_at)
            if run in self.runs:
                self.die(run)
        except ShardError:
            # A later run has made it otherwise.
            run.staged.extend([one] if one is not None else [])
            self.die(run)
        finally:
            Changes.left, Clock.skew = None, timedelta()


class BehindCommits(Commits):
    """The instance's clock is hours behind those that shards are read by."""

    instance_skew = timedelta(hours=-3)


class AheadCommits(Commits):
    """The instance's clock is hours ahead of those that shards are read by."""

    instance_skew = timedelta(hours=3)


@pytest.mark.parametrize("machine", [Commits, BehindCommits, AheadCommits])
def test_whatever_runs_do_beside_each_other_what_is_proven_is_true(
    machine: type[Commits], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (ongoing, manifest, commit):
        monkeypatch.setattr(module, "datetime", Skewed)
    # A kill is no loss of power.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(LocalFolder, "remove", Changes.counted(LocalFolder.remove))
    monkeypatch.setattr(_LocalStagedFile, "_finish", Changes.counted(_LocalStagedFile._finish))
    how = settings(
        max_examples=int(os.environ.get("MACHINE_EXAMPLES", "25")),
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Making a failing case small may take minutes.
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=how)
