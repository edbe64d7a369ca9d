"""Disks that are full, folders that are gone or may not be written: the cause is told."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etl_assets.errors import StoreError
from etl_assets.store.local import LocalFolder
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, EXPORT, Shop, small_shop

SMALL = 100_000
"""The largest file that may be written, in bytes."""


@contextmanager
def small_files() -> Iterator[None]:
    """Writing beyond SMALL fails with EFBIG, for this process and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that comes with it, so the call fails with its error number.
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte; where none may be mounted the test is another one."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a file system; the limit on file sizes is tested instead")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here; the limit on file sizes is tested instead")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def shop_into(folder: Path, directory: Path) -> Shop:
    """A small shop that is exported into another folder."""
    return small_shop(folder, f"{CONFIG}output: {{directory: {directory}}}\n")


def grow(shop: Shop, database: str, table: str) -> None:
    """Give a shard table megabytes of rows in the window."""
    shop.run(
        database,
        f"INSERT INTO {table} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < 200) SELECT i, 'x', '1', hex(randomblob(10000)), NULL, '{DAY} 01:00:00' FROM n",
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file, temporary ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_disk_fails_its_shard_by_name_and_the_earlier_file_stays(
    tmp_path: Path, full_disk: Path
) -> None:
    shop = shop_into(tmp_path, full_disk)
    assert etl_assets(tmp_path, *EXPORT).code == 0
    folder = full_disk / "orders" / DAY
    before = snapshot(folder)
    grow(shop, "shop_00", "orders_01")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    failed = [line for line in done.problems if line.startswith("failed: ")]
    cause = "No space left on device; see to the space and the permissions there; "
    file = folder / "demo.shop_00.orders_01.csv"
    assert failed == [
        f"failed: demo.shop_00.orders_01: {file}: {cause}the file before it stays",
    ]
    after = snapshot(folder)
    assert set(after) == set(before) - {"_manifest.json"} | {"_export.json"}
    for ending in ("csv", "json"):
        name = f"demo.shop_00.orders_01.{ending}"
        assert after[name] == before[name]

    shop.run("shop_00", "DELETE FROM orders_01 WHERE code = 'x'")
    assert etl_assets(tmp_path, *EXPORT, "--resume").code == 0


def test_a_file_that_may_not_grow_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with folder.stage("a.csv") as staged:
        staged.write(b"whole")
        staged.commit()
    with (
        small_files(),
        pytest.raises(StoreError, match=r"a\.csv: File too large; see to the space"),
        folder.stage("a.csv") as staged,
    ):
        staged.write(bytes(SMALL + 1))
    assert snapshot(tmp_path) == {"a.csv": b"whole"}


def test_a_folder_that_cannot_be_made_fails_every_shard_of_a_run_to_be_seen(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_text("a file")
    shop_into(tmp_path, tmp_path / "taken")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "Not a directory" in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "taken").read_text() == "a file"
    assert done.out.splitlines()[-1].endswith(f"DAGSTER_HOME={tmp_path / '.dagster_home'}")


def test_a_folder_that_vanishes_amid_the_rows_is_told(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    grow(shop, "shop_00", "orders_01")
    with running(shop, *EXPORT) as command:
        command.wait_for(lambda: shop.window().exists() and shop.names())
        shutil.rmtree(shop.window(), ignore_errors=True)
        done = command.end(60)
    assert done.code in (0, 1)
    assert "Traceback" not in done.err
    # Whatever was lost is made good.
    assert etl_assets(tmp_path, *EXPORT, "--resume").code == 0
    assert etl_assets(tmp_path, "verify", "--partition", DAY).code == 0


def test_a_read_only_folder_is_told(tmp_path: Path, full_disk: Path) -> None:
    shop_into(tmp_path, full_disk)
    assert etl_assets(tmp_path, *EXPORT).code == 0
    before = snapshot(full_disk / "orders" / DAY)
    subprocess.run(["mount", "-o", "remount,ro", str(full_disk)], check=True)
    done = etl_assets(tmp_path, "export", "orders", "--partition", DAY, DAYS[0])
    assert done.code == 1
    assert "Read-only file system" in done.err
    assert "Traceback" not in done.err
    assert snapshot(full_disk / "orders" / DAY) == before


def test_a_home_that_becomes_full_amid_the_run_is_told_in_one_line(
    tmp_path: Path, full_disk: Path
) -> None:
    shop = small_shop(tmp_path)
    done = etl_assets(tmp_path, *EXPORT, env={"DAGSTER_HOME": str(full_disk)})
    assert done.code == 1
    (problem,) = done.problems
    assert problem.startswith(f"failed: orders {DAY}: DAGSTER_HOME {full_disk}")
    assert problem.endswith("; then export with --resume")
    assert "make room on its disk" in problem
    assert not [name for name in shop.names() if name.startswith(".")]
