"""What the tests of components share."""

from etl_assets_tests.support.sandbox import sandbox

__all__ = ["sandbox"]
