#!/usr/bin/env python3
"""Makes one OpenAPI 3.1 document of the *.yaml beside this file.

usage: assemble.py --json FILE --cpp FILE

api.yaml is the frame: info, security, standing errors, shared parameters. Each other file is one resource:

  tag:      its name and description
  paths:    as in OpenAPI, but that an operation may say
              parameters: [Limit, …]      names of components/parameters
              body: Name                  its request body, a name of components/schemas, or of what is not JSON
              empty_body: true            and may be left out
              reply: {201: Name}          its success; "text/plain" for one that is not JSON
              errors: {of: [host], 404: [not_found]}   status -> stable reasons; `of` names groups of api.yaml
            what every operation may answer beside that is added here, by the frame's `standing`
  schemas:  added to components/schemas. The first of a schema's `examples` is also that of bodies made of it
  later:    "METHOD path": [operationId, summary] of what is not built: 501. ANY is five methods
"""

import argparse
import json
import re
import sys
from http import HTTPStatus
from pathlib import Path

import yaml

import page

HERE = Path(__file__).resolve().parent
ANY = ("get", "post", "put", "patch", "delete")
HEADERS = {
    "X-Request-ID": ("The request's id: the caller's own, or one that was made.", {"type": "string", "maxLength": 128}),
    "Retry-After": ("Seconds.", {"type": "integer", "minimum": 1}),
    "Upgrade": ("What is spoken here instead.", {"type": "string"}),
    "WWW-Authenticate": ("Bearer; for /docs and /openapi.json Basic, which a browser asks its person for.", {"type": "string"}),
    "Location": ("The path of what was made.", {"type": "string"}),
    "Server-Timing": ("Where the time went, in milliseconds.", {"type": "string"}),
    "Idempotency-Replayed": ("The answer is that of before.", {"type": "string", "const": "true"}),
    "Cache-Control": ("It is another one each time.", {"type": "string", "const": "no-store"}),
    "X-Content-Type-Options": ("It is what it says it is.", {"type": "string", "const": "nosniff"}),
    "ETag": ("Of this content, as far as its size and time of change tell.", {"type": "string"}),
    "Content-Range": ("Which bytes they are, of how many: bytes FIRST-LAST/ALL.", {"type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"}),
    "Accept-Ranges": ("A Range is taken.", {"type": "string", "const": "bytes"}),
    "Content-Disposition": ("It is to be kept, not shown.", {"type": "string", "pattern": "^attachment"}),
    "X-File-Mode": ("Permissions, octal.", {"type": "string"}),
    "X-File-Owner": ("uid:gid", {"type": "string"}),
    "X-File-Modified": ("When it was written to.", {"type": "string", "format": "date-time"}),
    "Content-Security-Policy": ("The page has no script and loads nothing.", {"type": "string"}),
}
SOMETIMES = ("Idempotency-Replayed", "Server-Timing")  # A repeated answer has no times. The others are always there.


class Texts(yaml.SafeLoader):
    """Times stay text, as they are in JSON."""


Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def load(path):
    return yaml.load(path.read_text(), Texts)


def reference(kind, name):
    return {"$ref": f"#/components/{kind}/{name}"}


def parameters_of(path):
    return re.findall(r"{(\w+)}", path)


class Description:
    def __init__(self, frame, resources):
        self.standing, self.groups = frame.pop("standing"), frame.pop("groups")
        self.later_errors = frame.pop("later_errors")
        self.document = frame
        self.schemas = frame["components"]["schemas"]
        self.replies = frame.pop("replies")
        frame["tags"], frame["paths"] = [], {}
        frame["components"]["headers"] = {
            name: {"description": about, "required": name not in SOMETIMES, "schema": schema} for name, (about, schema) in HEADERS.items()}
        self.shared = frame["components"]["responses"] = {}
        for resource in resources:
            for name, schema in resource.get("schemas", {}).items():
                self.once(self.schemas, name, schema)
        for resource in resources:
            frame["tags"].append(resource["tag"])
            for path, operations in resource.get("paths", {}).items():
                for method, operation in operations.items():
                    self.add(path, method, resource["tag"]["name"], operation)
            for route, words in resource.get("later", {}).items():
                self.add_later(*route.split(), resource["tag"]["name"], *words)

    @staticmethod
    def once(into, name, value):
        if name in into:
            raise ValueError(f"{name} is there twice")
        into[name] = value

    def add(self, path, method, tag, operation):
        operation["tags"] = [tag]
        is_keyed = method == "post" and "key" in operation.get("errors", {}).get("of", [])
        operation["parameters"] = [reference("parameters", name) for name in [*operation.get("parameters", []), "RequestId"]]
        body = operation.pop("body", None)
        if body:
            kind = {"application/json": self.content(body)} if body in self.schemas else self.replies[body]
            operation["requestBody"] = {"required": not operation.pop("empty_body", False), "content": kind}
        headers = operation.pop("headers", []) + ["Idempotency-Replayed"] * is_keyed
        responses = {str(status): self.success(status, schema, headers)
                     for status, schema in operation.pop("reply").items()}
        for status, reasons in sorted(self.errors(method, operation).items()):
            if str(status) in responses:
                responses[str(status)]["x-reasons"] = reasons
            else:
                responses[str(status)] = self.error(status, reasons)
        operation["responses"] = responses
        self.once(self.document["paths"].setdefault(path, {}), method, operation)

    def add_later(self, method, path, tag, ident, summary):
        for one in ANY if method == "ANY" else (method.lower(),):
            self.once(self.document["paths"].setdefault(path, {}), one, {
                "operationId": ident + (one.capitalize() if method == "ANY" else ""),
                "summary": summary,
                "description": "Not built yet: 501 `not_yet`, whatever is sent.",
                "tags": [tag, "Not built yet"],
                "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"},
                                "description": "All that follows in the path, slashes included; may be empty."
                                if name == "rest" else "As in its feature."} for name in parameters_of(path)],
                "responses": {str(status): self.error(status, reasons)
                              for status, reasons in self.later_errors.items()},
                "x-not-built": True})

    def content(self, name):
        content = {"schema": reference("schemas", name)}
        if self.schemas[name].get("examples"):
            content["example"] = self.schemas[name]["examples"][0]
        return content

    def success(self, status, schema, headers):
        kind = {"application/json": self.content(schema)} if schema in self.schemas else self.replies[schema]
        return {"description": HTTPStatus(status).phrase, "content": kind,
                "headers": {name: reference("headers", name) for name in ["X-Request-ID", *headers, *["Content-Range"] * (status == HTTPStatus.PARTIAL_CONTENT)]}}

    def errors(self, method, operation):
        own = dict(operation.pop("errors", {}))  # An alias is what it names, which others have too.
        kinds = ["open" if operation.get("security") == [] else "token"]
        kinds += [method] if method in self.standing else []
        kinds += ["body"] if method not in ("get", "head") else []
        out = {}
        for part in [*(self.standing[k] for k in kinds), *(self.groups[g] for g in own.pop("of", [])), own]:
            for status, reasons in part.items():
                out.setdefault(status, []).extend(r for r in reasons if r not in out.get(status, []))
        return out

    def error(self, status, reasons):
        """A reference to the response of this status with these reasons; the same ones share it."""
        names = ["X-Request-ID"] + ["Retry-After"] * (status in (429, 503)) + ["WWW-Authenticate"] * (status == 401) + ["Upgrade"] * (status == 426)
        response = {
            "description": f"{HTTPStatus(status).phrase}; reason: " + ", ".join(f"`{r}`" for r in reasons),
            "headers": {name: reference("headers", name) for name in names},
            "content": {"application/json": {
                "schema": reference("schemas", "Error"),
                "example": {"error": "what was attempted, on what, and why it is refused", "code": status,
                            "reason": reasons[0], "request_id": "req-abcdefghij234567"}}},
            "x-reasons": reasons}
        same = [name for name, known in self.shared.items() if known == response]
        if not same:
            alike = sum(name.startswith(f"Status{status}") for name in self.shared)
            same = [f"Status{status}" + f"_{alike + 1}" * (alike > 0)]
            self.shared[same[0]] = response
        return reference("responses", same[0])


def describe():
    resources = [load(path) for path in sorted(HERE.glob("*.yaml")) if path.name != "api.yaml"]
    frame = load(HERE / "api.yaml")
    order = frame.pop("order")
    resources.sort(key=lambda r: order.index(r["tag"]["name"]))
    last = frame.pop("last_tag")
    document = Description(frame, resources).document
    document["tags"].append(last)
    return document


def literal(name, text):
    """A definition; in pieces, because a compiler need not take a literal over 64 KiB."""
    size = 16000
    pieces = "".join(f'\n    R"paddock({text[at:at + size]})paddock"' for at in range(0, len(text), size))
    return f"const std::string_view {name} ={pieces};\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--json", type=Path, required=True)
    arguments.add_argument("--cpp", type=Path, required=True)
    options = arguments.parse_args()
    document = describe()
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    options.json.write_text(text)
    html, style = page.render(document)
    options.cpp.write_text(
        "// Made from coordinator/http/description; not to be edited.\n"
        '#include "coordinator/http/description.hpp"\n\nnamespace coordinator::http::description {\n\n'
        + literal("openapi", text) + "\n" + literal("page", html) + "\n" + literal("page_style", style)
        + "\n} // namespace coordinator::http::description\n")


if __name__ == "__main__":
    sys.exit(main())
