"""What the OpenAPI document says of our structs beyond the framework: their words, closedness, what a page is of."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator


class StructDocumentation(OpenAPISchemaPlugin):
    """Adds each struct's docstring, what its generic fields hold, that it is closed, and the words of its members."""

    def __init__(self, members: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Have `members` by their names for those of which their struct says nothing: of each struct, and of `all`."""
        self._members = members or {}

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Tell whether the field is a struct."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: "SchemaCreator") -> Schema:
        """Return the schema that the framework's own plugin makes, completed."""
        others: list[Any] = [plugin for plugin in schema_creator.plugins if plugin is not self]
        maker = next(plugin for plugin in others if schema_creator.plugin_supports_field(plugin, field_definition))
        schema: Schema = maker.to_openapi_schema(field_definition, schema_creator)
        schema.description = inspect.getdoc(field_definition.type_)
        if field_definition.type_.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        # The framework takes a variable of a generic base for any object, whatever the struct has put in its place.
        hints = get_type_hints(field_definition.type_, include_extras=True)
        for field in msgspec.structs.fields(field_definition.type_):
            if getattr(hints[field.name], "__parameters__", ()) and schema.properties is not None:
                known = FieldDefinition.from_annotation(field.type, name=field.encode_name)
                schema.properties[field.encode_name] = schema_creator.for_field_definition(known)
        known_members = {**self._members.get("all", {}), **self._members.get(field_definition.type_.__name__, {})}
        for name, member in (schema.properties or {}).items():
            if member.description is None:
                member.description = known_members.get(name)
        return schema
