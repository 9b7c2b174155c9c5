"""A client of the descriptions that existing clients were generated from: each answer is held against one."""

import jsonschema
import yaml

from fleet import ROOT


def load(name):
    return yaml.safe_load((ROOT / "tests/api/compat" / name).read_text())


SANDBOXES = load("virsh-sandbox-openapi.yaml")
TOOLS = load("tmux-client-openapi.yaml")
# Of errors, whoever publishes the operation.
ERROR = {"$ref": "#/components/schemas/virsh-sandbox_internal_error.ErrorResponse"}


class PublishedClient:
    """Calls operations of a description and checks each answer against it."""

    def __init__(self, fleet, description, always):
        """`always`: by model, the fields that every client may count on (the description itself requires nothing)."""
        self.api, self.description, self.always = fleet.api(), description, always

    def call(self, method, path, status, body=None, raw=None, query="", headers=None, **parameters):
        if raw is not None:
            raw, headers = raw.encode(), {"Content-Type": "application/json", **(headers or {})}
        got, reply = self.api.call(method, path.format(**parameters) + query, body, raw=raw, headers=headers)
        assert got == status, f"{method} {path}: {got} {str(reply)[:2000]}"
        described = self.description["paths"][path][method.lower()]["responses"]
        if status < 400:
            assert str(status) in described
        if status == 204:
            assert reply == ""
            return None
        if status >= 400:
            self.check(SANDBOXES, ERROR, reply)
        else:
            self.check(self.description, described[str(status)]["content"]["application/json"]["schema"], reply)
        return reply

    def check(self, description, schema, value):
        jsonschema.Draft4Validator(schema, resolver=jsonschema.RefResolver("", description)).validate(value)
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            schema = description["components"]["schemas"][name]
            assert self.always.get(name.rsplit(".", 1)[1], set()) <= set(value)
        for field, inner in (value.items() if isinstance(value, dict) else ()):
            described = schema.get("properties", {}).get(field)
            if described and "$ref" in described:
                self.check(description, described, inner)
            elif described and described.get("type") == "array":
                for item in inner:
                    self.check(description, described["items"], item)
