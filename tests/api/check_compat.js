"use strict";
// usage: check_compat.js OPENAPI.json COMPAT.yaml…
//
// Of each operation of COMPAT that is built here, by the descriptions alone: it has its name and its success, takes every field and
// parameter that is published, wants none that is not, and answers with every published field; of the published types, and with no
// value but the published ones. What differs is in published.js by name, with its reason, and still differs; or is a complaint.
// Then each kind of difference is made on purpose in a copy, and has to be found.

const { load, Schemas, operations } = require("./schemas");
const { AS_STREAM, NOT_OURS, DIFFERENCES, here } = require("./published");

/** A schema with what it is made of: its types, its values, its fields. */
function whole(schemas, part) {
  const schema = schemas.resolved(part) ?? {};
  const out = { types: [schema.type ?? []].flat(), values: schema.enum ?? (schema.const === undefined ? undefined : [schema.const]),
    properties: { ...schema.properties }, required: [...(schema.required ?? [])], items: schema.items, others: schema.additionalProperties };
  const branches = schema.anyOf ?? schema.oneOf ?? [];
  for (const inner of [...(schema.allOf ?? []), ...branches]) {
    const more = whole(schemas, inner);
    if (!schema.type) out.types.push(...more.types);
    out.properties = { ...more.properties, ...out.properties };
    if (!branches.includes(inner)) out.required.push(...more.required);
    out.values ??= more.values;
    out.items ??= more.items;
  }
  return out;
}

class Comparison {
  constructor(own, published) {
    this.own = new Schemas(own);
    this.used = new Set();
    this.complaints = [];
    this.operations = 0;
    this.fields = 0;
    this.index = new Map(operations(own).map(([method, path, operation]) => [`${method} ${here(path)}`, operation]));
    for (const [title, document] of published) this.document(title, new Schemas(document));
    const unused = Object.keys({ ...DIFFERENCES, ...NOT_OURS }).filter((name) => !this.used.has(name));
    unused.forEach((name) => this.complaints.push(`${name} is named as a difference and is none`));
  }

  /** `where`: the description, the operation, and steps from it. */
  complain(where, said) {
    const known = Object.keys(DIFFERENCES).filter((end) => where === end || where.endsWith(` ${end}`) || where.endsWith(`.${end}`));
    known.forEach((end) => this.used.add(end));
    if (!known.length) this.complaints.push(`${where}: ${said}`);
  }

  document(title, schemas) {
    for (const [method, path, operation] of operations(schemas.document)) {
      const name = operation.operationId;
      const ours = this.index.get(`${method} ${here(path)}`);
      if (!ours && NOT_OURS[name]) this.used.add(name);
      else if (!ours) this.complaints.push(`${title} ${name}: ${method} ${path} is not here`);
      else if (!ours["x-not-built"]) this.operation(schemas, `${title} ${name}`, operation, ours);
    }
  }

  operation(schemas, name, theirs, ours) {
    ++this.operations;
    if (ours.operationId !== theirs.operationId) this.complain(name, `is ${ours.operationId} here`);
    this.parameters(schemas, name, theirs, ours);
    this.request(schemas, name, theirs, ours);
    const successes = (operation) => Object.keys(operation.responses).filter((status) => status < 300).sort();
    if (String(successes(theirs)) !== String(successes(ours))) {
      if (!AS_STREAM.has(theirs.operationId) || String(successes(ours)) !== "200") this.complain(name, `${successes(theirs)} is ${successes(ours)} here`);
      return;
    }
    for (const status of successes(theirs)) this.reply(schemas, `${name} ${status}`, theirs.responses[status], this.own.resolved(ours.responses[status]));
  }

  parameters(schemas, name, theirs, ours) {
    const all = (ours.parameters ?? []).map((part) => this.own.resolved(part));
    const published = (theirs.parameters ?? []).map((part) => schemas.resolved(part)).filter((part) => part.in === "query");
    for (const part of published) {
      ++this.fields;
      const found = all.find((one) => one.in === "query" && one.name === part.name);
      const where = `${name} ?${part.name}`;
      if (!found) this.complain(where, "is not taken");
      else this.compare(schemas, where, part.schema, found.schema, "request");
    }
    const wanted = all.filter((one) => one.required && one.in !== "path" && !published.some((part) => part.name === one.name));
    wanted.forEach((one) => this.complain(`${name} ?${one.name}`, "is wanted and not published"));
  }

  request(schemas, name, theirs, ours) {
    const content = theirs.requestBody?.content["application/json"];
    const taken = ours.requestBody?.content["application/json"];
    if (!content) {
      if (ours.requestBody?.required) this.complain(`${name} request`, "is wanted and not published");
    } else if (!taken) this.complain(`${name} request`, "is not taken");
    else {
      if (ours.requestBody.required && theirs.requestBody.required === false) this.complain(`${name} request`, "may not be left out");
      this.compare(schemas, `${name} request`, content.schema, taken.schema, "request");
    }
  }

  reply(schemas, where, theirs, ours) {
    for (const [media, content] of Object.entries(theirs.content ?? {})) {
      const sent = ours.content?.[media];
      if (sent) this.compare(schemas, where, content.schema, sent.schema, "reply");
      else this.complain(where, `${media} is not sent`);
    }
  }

  compare(schemas, where, theirSchema, ourSchema, side) {
    const theirs = whole(schemas, theirSchema);
    const ours = whole(this.own, ourSchema);
    for (const type of theirs.types) {
      const same = ours.types.includes(type) || (type === "number" && side === "reply" && ours.types.includes("integer"));
      if (!same) this.complain(where, `${type} is ${ours.types.join("|") || "of no type"} here`);
    }
    if (side === "reply" && theirs.types.length) {
      const odd = ours.types.filter((type) => !theirs.types.includes(type) && !(type === "integer" && theirs.types.includes("number")));
      if (odd.length) this.complain(where, `may also be ${odd}`);
    }
    if (theirs.values) {
      const [from, into] = side === "request" ? [theirs.values, ours.values] : [ours.values, theirs.values];
      if (side === "reply" && !from) this.complain(where, "may have other values");
      const strange = (into && from ? from : []).filter((value) => !into.includes(value));
      if (strange.length) this.complain(where, `${strange} is ${side === "request" ? "not taken" : "not published"}`);
    } else if (side === "request" && ours.values) this.complain(where, `only ${ours.values} is taken`);
    this.properties(schemas, where, theirs, ours, side);
    if (theirs.items) this.compare(schemas, `${where}[]`, theirs.items, ours.items, side);
    if (typeof theirs.others === "object") {
      if (typeof ours.others === "object") this.compare(schemas, `${where}.*`, theirs.others, ours.others, side);
      for (const [name, schema] of Object.entries(ours.properties)) this.compare(schemas, `${where}.${name}`, theirs.others, schema, side);
    }
  }

  properties(schemas, where, theirs, ours, side) {
    for (const [name, schema] of Object.entries(theirs.properties)) {
      ++this.fields;
      const at = `${where}.${name}`;
      const mine = ours.properties[name];
      if (mine) this.compare(schemas, at, schema, mine, side);
      else this.complain(at, side === "request" ? "is not taken" : "is not sent");
    }
    if (side === "request" && Object.keys(theirs.properties).length) {
      const wanted = ours.required.filter((name) => !theirs.properties[name]);
      wanted.forEach((name) => this.complain(`${where}.${name}`, "is wanted and not published"));
    }
  }
}

/** What may go wrong with a description: [what, how it is done to a copy, how what is said of it begins]. */
const SPOILT = [
  ["a field is not sent", ({ Sandbox }) => delete Sandbox.properties.ttl_seconds, "virsh-sandbox listSandboxes 200.sandboxes[].ttl_seconds: is not sent"],
  ["a field has another name", ({ FileDeleted }) => rename(FileDeleted.properties, "was_dir", "folder"), "tmux-client deleteFile 200.was_dir: is not sent"],
  ["a field is not taken", ({ RunCommand }) => delete RunCommand.properties.timeout_sec, "virsh-sandbox runSandboxCommand request.timeout_sec: is not taken"],
  ["a field is wanted", ({ CopyFile }) => CopyFile.required.push("mode"), "tmux-client copyFile request.mode: is wanted"],
  ["a type", ({ Command }) => (Command.properties.exit_code = { type: "string" }), "virsh-sandbox getSandbox 200.commands[].exit_code: integer is string"],
  ["a type beside the published one", ({ Command }) => (Command.properties.stdout.type = ["string", "null"]),
    "virsh-sandbox getSandbox 200.commands[].stdout: may also be null"],
  ["a value", ({ PlanStatus }) => PlanStatus.enum.push("paused"), "tmux-client listPlans 200.plans[].status: paused is not published"],
  ["any value", ({ State }) => delete State.enum, "virsh-sandbox createSandbox 201.sandbox.state: may have other values"],
  ["a value is not taken", ({ StepStatus }) => StepStatus.enum.shift(), "tmux-client updatePlan request.status: pending is not taken"],
  ["a parameter is not taken", (_, { paths }) => paths["/v1/sandboxes"].get.parameters.shift(), "virsh-sandbox listSandboxes ?"],
  ["a success", (_, { paths }) => rename(paths["/v1/sandboxes"].post.responses, "201", "200"), "virsh-sandbox createSandbox: 201 is 200 here"],
  ["a name", (_, { paths }) => (paths["/v1/vms"].get.operationId = "listVms"), "virsh-sandbox listVirtualMachines: is listVms here"],
  ["a body", (_, { paths }) => delete paths["/v1/sandboxes/{id}/start"].post.requestBody, "virsh-sandbox startSandbox request: is not taken"],
  ["a path", (_, { paths }) => rename(paths, "/v1/plan/create", "/v1/plans"), "tmux-client createPlan: post /v1/plan/create is not here"],
  ["a difference that is none", ({ Command }) => (Command.properties.metadata = { type: "object" }), "command.metadata is named as a difference"],
];

function rename(object, from, to) {
  object[to] = object[from];
  delete object[from];
}

function main([ownPath, ...paths]) {
  const own = load(ownPath);
  const published = paths.map((path) => [path.split("/").pop().replace("-openapi.yaml", ""), load(path)]);
  const { complaints, operations: compared, fields } = new Comparison(own, published);
  for (const [what, spoil, said] of SPOILT) {
    const copy = structuredClone(own);
    spoil(copy.components.schemas, copy);
    const found = new Comparison(copy, published).complaints;
    if (!found.some((line) => line.startsWith(said))) complaints.push(`${what}: nothing begins with "${said}" in ${JSON.stringify(found)}`);
  }
  complaints.forEach((line) => console.log(line));
  console.log(`${compared} published operations, ${fields} fields, ${SPOILT.length} differences made and found, ${complaints.length} complaints`);
  process.exit(complaints.length || !compared ? 1 : 0);
}

main(process.argv.slice(2));
