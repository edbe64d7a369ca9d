"""The code location `etl_assets`: the definitions of the configuration that is found."""

from etl_assets.config import load_config
from etl_assets.defs.build import stand_alone_definitions
from etl_assets.defs.loading import errors_on_top

with errors_on_top():
    defs = stand_alone_definitions(load_config())
