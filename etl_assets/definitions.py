"""The code location `etl_assets`: the definitions of the configuration that is found."""

from etl_assets.config import load_config
from etl_assets.defs.build import stand_alone_definitions

defs = stand_alone_definitions(load_config())
