"""What `translation` of a defs.yaml may say of an asset, and the names that its templates know."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import BaseModel, GetJsonSchemaHandler, WithJsonSchema, create_model
from pydantic_core import CoreSchema

from etl_assets.defs.asset_specs import Subject
from etl_assets.tables.topology import Shard


class ShardText(str):
    """A shard as a template sees it: `host.database.table`, and each of these by its name.

    That of a logical table's own asset is empty, and so is each of its names.
    """

    __slots__ = ("database", "host", "shard_table")

    host: str
    database: str
    shard_table: str

    def __new__(cls, shard: Shard | None) -> Self:
        """The text of a shard, or of none."""
        text = super().__new__(cls, "" if shard is None else str(shard))
        text.host = "" if shard is None else shard.host
        text.database = "" if shard is None else shard.database
        text.shard_table = "" if shard is None else shard.shard_table
        return text


def template_names(subject: Subject) -> Mapping[str, str]:
    """What the templates of a translation know of an asset; `spec` is there as well."""
    return {
        "table": subject.table,
        "shard": ShardText(subject.shard),
        "role": subject.role,
    }


_WINDOWS: Any = dg.AssetAttributesModel.model_fields["partitions_def"].annotation
# Loading refuses another one as well. `dg check yaml` says of a schema's constant what it is.
_NO_WINDOWS = WithJsonSchema({"const": "the windows that `partition` in etl_assets.yaml gives"})

TranslationAttributes: type[BaseModel] = create_model(
    "TranslationAttributes",
    __base__=dg.AssetAttributesModel,
    partitions_def=(Annotated[_WINDOWS, _NO_WINDOWS], None),
)
"""Dagster's own attributes of an asset, without the windows, which etl_assets.yaml gives."""

Translation: TypeAlias = Annotated[
    TranslationFn[Subject],
    TranslationFnResolver[Subject](template_names, model_field_type=TranslationAttributes),
]
"""Attributes of assets in YAML, with templates over `table`, `shard`, `role` and `spec`."""


def with_located_mistakes(model: type[BaseModel]) -> type[BaseModel]:
    """A component's model by whose schema `dg check yaml` points to what is wrong in `translation`.

    Of a value with alternatives, as Dagster makes every attribute, it only says that none fits.
    """

    class Located(model):  # type: ignore[misc,valid-type]
        @classmethod
        def __get_pydantic_json_schema__(
            cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
        ) -> dict[str, Any]:
            schema: dict[str, Any] = handler(core_schema)
            translation = handler.resolve_ref_schema(schema)["properties"]["translation"]
            attributes = next(kind for kind in translation.pop("anyOf") if "$ref" in kind)
            translation["type"] = ["object", "string", "null"]
            translation |= {"if": {"type": "object"}, "then": attributes}
            return schema

    Located.__name__ = model.__name__
    return Located
