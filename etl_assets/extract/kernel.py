import cython

if not cython.compiled:
    raise ImportError("not compiled")


def ping(n: cython.int) -> cython.int:
    return n + 1
