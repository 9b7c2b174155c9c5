"use strict";
// usage: check_description.js OPENAPI.json
// Every example is valid against its schema, and every schema compiles.

const { load, closed, Schemas, decoded, operations } = require("./schemas");

const document = load(process.argv[2]);
const schemas = new Schemas(closed(document));
const wrong = [];
let examples = 0;

function check(where, path, value) {
  ++examples;
  for (const complaint of schemas.complaints(path, value)) wrong.push(`${where}: ${complaint}`);
}

function checkContent(where, steps) {
  const at = schemas.path(steps);
  const part = at.reduce((from, step) => from[step], document);
  for (const [media, body] of Object.entries(part.content ?? {})) {
    if (body.example === undefined) wrong.push(`${where}: ${media} has no example`);
    else {
      const schema = [...at, "content", media, "schema"];
      check(`${where} ${media}`, schema, body.example);
      for (const [step, value] of decoded(media, body.example)) check(`${where} ${media}`, [...schema, step], value);
    }
  }
}

for (const [name, schema] of Object.entries(document.components.schemas)) {
  schemas.complaints(["components", "schemas", name], null);
  for (const example of schema.examples ?? []) check(`schema ${name}`, ["components", "schemas", name], example);
}
for (const [name, parameter] of Object.entries(document.components.parameters)) {
  if (parameter.example !== undefined) check(`parameter ${name}`, ["components", "parameters", name, "schema"], parameter.example);
}
for (const [method, path, operation] of operations(document)) {
  const steps = ["paths", path, method];
  if (operation.requestBody) checkContent(`${method} ${path}: body`, [...steps, "requestBody"]);
  for (const status of Object.keys(operation.responses)) {
    checkContent(`${method} ${path}: ${status}`, [...steps, "responses", status]);
  }
}
wrong.forEach((line) => console.log(line));
console.log(`${examples} examples, ${wrong.length} complaints`);
process.exit(wrong.length || examples === 0 ? 1 : 0);
