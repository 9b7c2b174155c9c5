"use strict";
// The description as Ajv takes it.

const fs = require("fs");
const Ajv = require("ajv/dist/2020");
const addFormats = require("ajv-formats");
const YAML = require("yaml");

const METHODS = ["get", "post", "put", "patch", "delete"];

function load(path) {
  const text = fs.readFileSync(path, "utf8");
  return path.endsWith(".yaml") ? YAML.parse(text) : JSON.parse(text);
}

/** Its objects take no field that is not described. Not for what stands under oneOf, if and the like. */
function closed(document) {
  const copy = structuredClone(document);
  const close = (schema) => {
    if (schema.properties && schema.additionalProperties === undefined) schema.additionalProperties = false;
    for (const part of Object.values(schema.properties ?? {})) close(part);
    if (schema.items) close(schema.items);
  };
  for (const schema of Object.values(copy.components.schemas)) close(schema);
  return copy;
}

/** Validators of a document's parts, by their JSON pointers. */
class Schemas {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false });
    addFormats(this.ajv);
    this.ajv.addSchema(document, "document");
    this.known = new Map();
  }

  resolved(part) {
    if (!part?.$ref) return part;
    return part.$ref.slice(2).split("/").reduce((at, step) => at[step.replace(/~1/g, "/").replace(/~0/g, "~")], this.document);
  }

  /** What is wrong with a value, as texts. `path`: steps to its schema. */
  complaints(path, value) {
    const pointer = path.map((s) => encodeURIComponent(s.replace(/~/g, "~0").replace(/\//g, "~1"))).join("/");
    if (!this.known.has(pointer)) this.known.set(pointer, this.ajv.compile({ $ref: `document#/${pointer}` }));
    const validate = this.known.get(pointer);
    return validate(value) ? [] : validate.errors.map((e) => `${e.instancePath || "/"} ${e.message} ${JSON.stringify(e.params)}`);
  }

  /** Steps to a part, over one reference. */
  path(steps) {
    const part = steps.reduce((at, step) => at?.[step], this.document);
    return part?.$ref ? part.$ref.slice(2).split("/").map((s) => s.replace(/~1/g, "/").replace(/~0/g, "~")) : steps;
  }
}

/** Of a reply's body what has a schema beside the text's own, [step to it, value]: the events of a stream, the lines of NDJSON. */
function decoded(media, text) {
  if (media === "application/x-ndjson") return [["contentSchema", text.split("\n").slice(0, -1).map((line) => JSON.parse(line))]];
  if (media !== "text/event-stream") return [];
  const texts = text.split("\n\n");
  if (texts.at(-1) === "") texts.pop();
  const events = texts.map((event) => {
    const [, name, id, data] = /^event: (\w+)\nid: (\d+)\ndata: (.*)$/.exec(event) ?? [];
    return name ? { event: name, id: Number(id), data: JSON.parse(data) } : event;
  });
  return [["contentSchema", events]];
}

/** Every operation: [method, path, operation]. */
function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((m) => item[m]).map((method) => [method, path, item[method]]));
}

module.exports = { load, closed, Schemas, decoded, operations, METHODS };
