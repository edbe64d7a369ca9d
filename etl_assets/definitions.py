"""The code location `etl_assets`: the definitions of the configuration that is found."""

from etl_assets.config import load_config
from etl_assets.defs.build import build_definitions

defs = build_definitions(load_config())
