"use strict";
// usage: check_exchanges.js OPENAPI.json EXCHANGES [--every-operation] [COMPAT.yaml…]
//
// EXCHANGES: one JSON object a line: method, target, request (text or null), status, headers (names in lower case), body (text).
// Each request that was accepted and each reply has to be as the description says, as each of COMPAT says of an operation
// that it has too (the first that has it), and as the contract's tables say. Errors have the first one's shape, whoever
// publishes the operation. --every-operation: each that is built succeeded at least once, and each published one that is built was
// compared.

const fs = require("fs");
const { load, closed, Schemas, decoded, operations } = require("./schemas");
const { lacking } = require("./required");
const { AS_STREAM, asPublished, builtAndPublished } = require("./published");

const [descriptionPath, exchangesPath, ...rest] = process.argv.slice(2);
const everyOperation = rest[0] === "--every-operation";
const own = { schemas: new Schemas(closed(load(descriptionPath))) };
const compat = rest.slice(everyOperation ? 1 : 0).map((path) => ({ schemas: new Schemas(load(path)), path }));

/** Paths by what they match, those with fewer parameters first. */
function index(schemas) {
  const entries = operations(schemas.document).map(([method, path, operation]) => {
    const pattern = path.replace(/\/$/, "").replace(/[.]/g, "\\.").replace("/{rest}", "(/.*)?").replace(/{\w+}/g, "[^/]+");
    return { method, path, operation, matches: new RegExp(`^${pattern}/?$`), parameters: path.split("{").length };
  });
  return entries.sort((a, b) => a.parameters - b.parameters);
}
for (const one of [own, ...compat]) one.index = index(one.schemas);

function find(index, exchange) {
  const path = exchange.target.split(/[?#]/)[0];
  const method = exchange.method === "HEAD" ? "get" : exchange.method.toLowerCase();
  return index.find((entry) => entry.method === method && entry.matches.test(path));
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A parameter of a query as its schema's type. */
function typed(schema, values) {
  if (schema.type === "array") return values;
  const text = values[0];
  if (schema.type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  if (schema.type === "boolean" && ["true", "false", "1", "0"].includes(text)) return ["true", "1"].includes(text);
  return text;
}

function queryComplaints(schemas, entry, exchange) {
  const out = [];
  const query = new URLSearchParams(exchange.target.split("?")[1] ?? "");
  const parameters = (entry.operation.parameters ?? []).map((part, n) => ({
    part: schemas.resolved(part), at: schemas.path(["paths", entry.path, entry.method, "parameters", String(n)]) }));
  for (const name of new Set(query.keys())) {
    const found = parameters.find(({ part }) => part.in === "query" && part.name === name);
    if (!found) out.push(`accepted the parameter ${name}, which is not described`);
    else {
      const schema = schemas.resolved(found.part.schema);
      out.push(...schemas.complaints([...found.at, "schema"], typed(schema, query.getAll(name))).map((c) => `parameter ${name}: ${c}`));
    }
  }
  return out;
}

/** What is wrong with a request that was accepted. */
function requestComplaints({ schemas }, entry, exchange) {
  const steps = ["paths", entry.path, entry.method, "requestBody"];
  const body = entry.operation.requestBody;
  if (!body) return exchange.request?.trim() && exchange.request.trim() !== "{}" ? ["accepted a body where none is described"] : [];
  if (!exchange.request?.trim()) return body.required ? ["accepted no body where one is required"] : [];
  if (!entry.operation.requestBody.content["application/json"]) return []; // Bytes.
  const value = json(exchange.request);
  if (value === undefined) return ["accepted a body that is not JSON"];
  return schemas.complaints([...steps, "content", "application/json", "schema"], value).map((c) => `request ${c}`);
}

function replyComplaints({ schemas }, entry, exchange, strictly) {
  const steps = schemas.path(["paths", entry.path, entry.method, "responses", String(exchange.status)]);
  const response = schemas.resolved(entry.operation.responses[exchange.status]);
  if (!response) return strictly ? [`status ${exchange.status} is not described`] : [];
  const out = [];
  const media = (exchange.headers["content-type"] ?? "").split(";")[0];
  const content = response.content ?? {};
  if (exchange.method !== "HEAD") {
    const described = Object.keys(content);
    if (described.length && !content[media] && !content["*/*"]) out.push(`content type ${media} is none of ${described}`);
    else if (content[media]) {
      const value = media === "application/json" ? json(exchange.body) : exchange.body;
      const schema = [...steps, "content", media, "schema"];
      out.push(...schemas.complaints(schema, value).map((c) => `reply ${c}`));
      for (const [step, part] of decoded(media, exchange.body)) out.push(...schemas.complaints([...schema, step], part).map((c) => `event ${c}`));
    }
  }
  if (!strictly) return out;
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    if (exchange.headers[name.toLowerCase()] === undefined && schemas.resolved(header).required) out.push(`header ${name} is missing`);
  }
  const reason = exchange.status >= 400 ? json(exchange.body)?.reason : undefined;
  if (reason !== undefined && !(response["x-reasons"] ?? []).includes(reason)) {
    out.push(`reason ${reason} is not described for status ${exchange.status}`);
  }
  return out;
}

/** In the error shape, where no operation is. */
function strangerComplaints(exchange) {
  if (exchange.method === "OPTIONS" && exchange.status === 200) return [];
  if (![400, 401, 403, 404, 405].includes(exchange.status)) return [`status ${exchange.status} where no operation is described`];
  if (exchange.method === "HEAD") return [];
  return own.schemas.complaints(["components", "schemas", "Error"], json(exchange.body)).map((c) => `reply ${c}`);
}

const succeeded = new Set();
const compared = new Set();

/** As the tools inside a sandbox publish it. */
function published(exchange) {
  return { ...exchange, target: asPublished(exchange.target) };
}

function complaintsOf(exchange) {
  const entry = find(own.index, exchange);
  if (!entry) return strangerComplaints(exchange);
  const out = replyComplaints(own, entry, exchange, true);
  const value = json(exchange.body);
  const isJson = exchange.headers["content-type"]?.startsWith("application/json");
  if (isJson && value && exchange.method !== "HEAD") out.push(...lacking(entry.operation.operationId, exchange.status, value));
  const accepted = exchange.status < 300;
  if (accepted) {
    succeeded.add(entry.operation.operationId);
    out.push(...requestComplaints(own, entry, exchange), ...queryComplaints(own.schemas, entry, exchange));
  }
  const theirExchange = published(exchange);
  const one = compat.find((api) => find(api.index, theirExchange));
  if (one && (accepted || one === compat[0])) {
    const theirs = find(one.index, theirExchange);
    const said = replyComplaints(one, theirs, exchange, false);
    if (accepted) {
      compared.add(theirs.operation.operationId);
      if (theirs.operation.requestBody) said.push(...requestComplaints(one, theirs, exchange));
      if (!theirs.operation.responses[exchange.status] && !AS_STREAM.has(theirs.operation.operationId)) said.push(`success ${exchange.status} is not described`);
      if (theirs.operation.operationId !== entry.operation.operationId) said.push(`is ${theirs.operation.operationId} there`);
    }
    out.push(...said.map((c) => `by ${one.path.split("/").pop()}: ${c}`));
  }
  return out;
}

const lines = fs.readFileSync(exchangesPath, "utf8").split("\n").filter(Boolean);
let wrong = 0;
for (const line of lines) {
  const exchange = JSON.parse(line);
  for (const complaint of new Set(complaintsOf(exchange))) {
    ++wrong;
    console.log(`${exchange.method} ${exchange.target} ${exchange.status}: ${complaint}`);
  }
}
if (everyOperation) {
  for (const { operation } of own.index) {
    if (!operation["x-not-built"] && !succeeded.has(operation.operationId)) {
      ++wrong;
      console.log(`${operation.operationId} never succeeded`);
    }
  }
  for (const name of builtAndPublished(own.schemas.document, compat.map((one) => one.schemas.document))) {
    if (compared.has(name)) continue;
    ++wrong;
    console.log(`${name} is published, and was not compared`);
  }
}
console.log(`${lines.length} exchanges, ${succeeded.size} operations, ${compared.size} of them published, ${wrong} complaints`);
process.exit(wrong || lines.length === 0 ? 1 : 0);
