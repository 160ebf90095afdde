"""Requests of the inference API: what may stand in one, made from the configuration's features and their bounds."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, conlist, create_model

from src.configuration import Project

MOST_ROWS = 10_000
# Of a request, in bytes: rows of 10,000 customers fit in easily.
MOST_BYTES = 8_000_000


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=200)


class Shape:
    """The two requests of one project: one row, and many."""

    def __init__(self, project: str, settings: Project) -> None:
        self.columns = tuple(settings.features.columns)
        fields: dict[str, Any] = {
            name: (Annotated[float, Field(ge=bounds.minimum, le=bounds.maximum, allow_inf_nan=False)], ...)
            for name, bounds in settings.features.columns.items()
        }
        row = create_model(f"{project}_row", __base__=_Row, **fields)
        self._one: TypeAdapter[Any] = TypeAdapter(row)
        self._many: TypeAdapter[Any] = TypeAdapter(conlist(row, min_length=1, max_length=MOST_ROWS))

    def one(self, body: bytes) -> tuple[str, list[float]]:
        """Return the id and the features, in the configuration's order; pydantic's ValidationError if it is not one."""
        return self._values(self._one.validate_json(body))

    def many(self, body: bytes) -> list[tuple[str, list[float]]]:
        """Return id and features of each row, likewise."""
        return [self._values(row) for row in self._many.validate_json(body)]

    def documentation(self, *, many: bool) -> dict[str, Any]:
        """Return what OpenAPI has to know of the request."""
        schema = (self._many if many else self._one).json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None) if not many else schema.update(items=schema.pop("$defs").popitem()[1])
        return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}

    def _values(self, row: Any) -> tuple[str, list[float]]:
        return row.id, [getattr(row, name) for name in self.columns]
