"""The description as one HTML page: no script, nothing is loaded, every text is escaped."""

import base64
import hashlib
import json
import re
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: #8884; --code: #8882 }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1rem }
nav { columns: 14rem; margin: 1rem 0 }
nav a { display: block }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: var(--code); border-radius: 4px; padding: 0 .25em }
pre { overflow: auto; padding: .6em }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .3rem .7rem }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.5em }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top }
.later summary { opacity: .65 }
"""
BOUNDS = ("const", "enum", "default", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
          "maxItems", "maxProperties")


def prose(text):
    """Paragraphs, and `code`."""
    parts = [re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(part)) for part in text.strip().split("\n\n")]
    return "".join(f"<p>{part}</p>" for part in parts)


def line(text):
    return prose(text)[3:-4] if text else ""


def code(value):
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=2))}</pre>"


def link(reference):
    name = reference.rsplit("/", 1)[1]
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def kind(schema):
    """A schema in a line: its type or its name, and its bounds."""
    if "$ref" in schema:
        return link(schema["$ref"])
    words = [kind(part) for part in schema.get("allOf", [])]
    if schema.get("type") == "array":
        words.append("array of " + kind(schema.get("items", {})))
    elif "type" in schema:
        words.append(escape(schema["type"]))
    words += [f"{bound} <code>{escape(json.dumps(schema[bound], ensure_ascii=False))}</code>" for bound in BOUNDS if bound in schema]
    return ", ".join(words) or "any"


def table(head, rows):
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def fields(schema):
    """A table of an object's fields; those of objects in it by their path."""
    def walk(part, before):
        for name, field in part.get("properties", {}).items():
            need = "required" if name in part.get("required", []) else ""
            yield f"<code>{escape(before + name)}</code>", kind(field), need, line(field.get("description", ""))
            yield from walk(field, f"{before}{name}.")
            yield from walk(field.get("items", {}), f"{before}{name}[].")
    rows = list(walk(schema, ""))
    return table(("field", "type", "", ""), rows) if rows else f"<p>{kind(schema)}</p>"


def content(part):
    out = ""
    for media, body in part.get("content", {}).items():
        out += f"<p><code>{escape(media)}</code> {kind(body['schema'])}</p>"
        if "example" in body:
            out += code(body["example"]) if media == "application/json" else f"<pre>{escape(body['example'])}</pre>"
    return out


class Page:
    def __init__(self, document):
        self.document = document

    def resolved(self, part):
        if "$ref" not in part:
            return part
        where = self.document
        for step in part["$ref"].split("/")[1:]:
            where = where[step]
        return where

    def parameters(self, operation):
        rows = []
        for part in map(self.resolved, operation.get("parameters", [])):
            rows.append((f"<code>{escape(part['name'])}</code>", part["in"], kind(part["schema"]),
                         "required" if part.get("required") else "", line(part.get("description", ""))))
        return "<h4>Parameters</h4>" + table(("name", "in", "type", "", ""), rows) if rows else ""

    def replies(self, operation):
        rows = []
        for status, part in operation["responses"].items():
            part = self.resolved(part)
            rows.append((status, line(part["description"]) + (content(part) if status < "400" else "")))
        return "<h4>Replies</h4>" + table(("status", ""), rows)

    def operation(self, path, method, operation):
        later = ' class="later"' if operation.get("x-not-built") else ""
        body = ""
        if "requestBody" in operation:
            need = "" if operation["requestBody"]["required"] else ", may be left out"
            body = f"<h4>Body{need}</h4>{content(operation['requestBody'])}"
        is_open = "<p>Needs no token.</p>" if operation.get("security") == [] else ""
        return (f'<details id="{escape(operation["operationId"])}"{later}><summary><b>{method.upper()}</b> '
                f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>{prose(operation['description'])}{is_open}"
                f"{self.parameters(operation)}{body}{self.replies(operation)}</details>")

    def render(self):
        info, tags = self.document["info"], self.document["tags"]
        sections = {tag["name"]: "" for tag in tags}
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                sections[operation["tags"][0]] += self.operation(path, method, operation)
        named = [tag for tag in tags if sections[tag["name"]]]
        menu = "".join(f'<a href="#tag-{n}">{escape(tag["name"])}</a>' for n, tag in enumerate(named))
        body = "".join(f'<h2 id="tag-{n}">{escape(tag["name"])}</h2>{prose(tag["description"])}{sections[tag["name"]]}'
                       for n, tag in enumerate(named))
        schemas = "".join(f'<h3 id="{escape(name)}">{escape(name)}</h3>{prose(schema.get("description", ""))}{fields(schema)}'
                          for name, schema in self.document["components"]["schemas"].items())
        return ('<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width">'
                f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>"
                f"<h1>{escape(info['title'])} API</h1><p>{escape(info['summary'])}</p>{prose(info['description'])}"
                f'<nav>{menu}<a href="#schemas">Schemas</a></nav>{body}<h2 id="schemas">Schemas</h2>{schemas}</body></html>')


def render(document):
    """The page, and its style's digest as Content-Security-Policy takes it."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return Page(document).render(), f"sha256-{digest}"
