"""What the package relies on of multiprocessing; each failure says what to do."""

import inspect
import multiprocessing
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import connection, forkserver, reduction, resource_tracker, util
from typing import Any

import pytest

from etl_assets.private import multiprocessing as fenced

READ = "read Lib/multiprocessing/forkserver.py of this Python; until then let knows_server say no"
NEEDS = [
    (forkserver, "get_inherited_fds", "context_of_server"),
    (forkserver, "main", "serve"),
    (connection, "arbitrary_address", "new_address"),
    (reduction, "DupFd", "Descriptor"),
    (resource_tracker, "ensure_running", "context_of_server"),
    (util, "get_temp_dir", "sockets_folder"),
]


@pytest.mark.parametrize(("module", "name", "user"), NEEDS)
def test_a_name_is_where_it_was(module: object, name: str, user: str) -> None:
    function: Callable[..., object] = getattr(fenced, user)
    assert callable(getattr(module, name, None)), f"{name}: {inspect.getdoc(function)}"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="servers of 3.14 are left alone")
def test_the_fork_server_is_as_it_was() -> None:
    assert fenced.knows_server(), READ
    server: Any = forkserver._forkserver
    known = {"_forkserver_address", "_forkserver_alive_fd", "_forkserver_pid"}
    assert known <= vars(server).keys(), READ
    assert callable(server.ensure_running), READ
    assert forkserver.ensure_running.__self__ is server, READ  # type: ignore[attr-defined]
    main: Any = forkserver.main
    assert list(inspect.signature(main).parameters)[:3] == ["listener_fd", "alive_r", "preload"]
    # A child is told the server's address by these.
    source = inspect.getsource(type(server).connect_to_new_process)
    assert "self.ensure_running()" in source, READ
    assert "self._forkserver_alive_fd" in source, READ


def test_what_is_preloaded_is_there() -> None:
    for name in fenced.PRELOADED:
        import_module(name)


def test_a_process_that_no_server_made_makes_one_of_its_own() -> None:
    assert forkserver.get_inherited_fds() is None
    context = fenced.context_of_server([])
    assert context.get_start_method() == "forkserver"
    assert isinstance(context, type(multiprocessing.get_context("forkserver")))
