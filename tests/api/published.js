"use strict";
// What of the two published descriptions is here, and under which path.

const { operations } = require("./schemas");

/** What was a WebSocket there and is server-sent events here: the contract's own deviation. */
const AS_STREAM = new Set(["streamSandboxActivity", "streamAnsibleJobOutput"]);

/** Operations that this API does not have. */
const NOT_OURS = {
  getAllowedCommands: "a sandbox has no list of allowed commands: it is the boundary",
  runCommand: "commands run by …/run and …/exec",
  sandboxAPIHealth: "the published tool's own link to virsh-sandbox",
  listSandboxSessions: "SSH sessions that the published tool opens; sandboxes have terminals of their own",
  getSandboxSession: "as listSandboxSessions",
  killSandboxSession: "as listSandboxSessions",
  createSandboxSession: "as listSandboxSessions",
};

/** What is published of an operation that is here and is otherwise, by the end of its place in it. */
const DIFFERENCES = {
  "command.metadata": "an object that old clients mis-parse; the contract forbids it",
  "commands[].metadata": "as command.metadata",
  "playbook.file_path": "playbooks are rows of the database and no files; …/export has the YAML",
  "playbooks[].file_path": "as playbook.file_path",
  "entries[].arguments": "published as an array of bytes; `row.detail` has what the action has on record",
  "entries[].result": "published as an array of bytes; `row.result` is a word",
  "entries[].error.details": "a failure's row has its reason and its message, no more",
  "entries[].client_ip": "not on record",
  "entries[].user_agent": "not on record",
  "entries[].duration_ms": "not on record; the rows of an intent and its outcome have their times",
  "editFile 200.content_before": "a whole file may be larger than a reply; `diff` says the same",
  "editFile 200.content_after": "as content_before",
  "tmux-client getHealth 200.status": "/v1/health is virsh-sandbox's: `ok`",
  "tmux-client getHealth 200.components": "as its status; /readyz has the components",
  "tmux-client getHealth 200.uptime": "as its status",
  "tmux-client getHealth 200.version": "as its status; /version has it",
  "listSandboxes ?state": "only the states there are; another is refused, as unknown filters are",
};

const TOOLS = "/v1/sandboxes/{id}/";

/** The tools inside a sandbox were one sandbox's own, and are published so. */
function asPublished(target) {
  return target.replace(/^\/v1\/sandboxes\/[^/]+\/(file|tmux)\//, "/v1/$1/");
}

/** Where a published operation is here. Parameters have other names. */
function here(path) {
  return path.replace(/^\/v1\/(file|tmux)\//, `${TOOLS}$1/`).replace(/\/$/, "").replace(/{\w+}/g, "{}");
}

/** operationIds that are built here and published, by their names alone. */
function builtAndPublished(own, published) {
  const built = new Set(operations(own).filter(([, , o]) => !o["x-not-built"]).map(([, , o]) => o.operationId));
  return published.flatMap(operations).map(([, , o]) => o.operationId).filter((name) => built.has(name));
}

module.exports = { AS_STREAM, NOT_OURS, DIFFERENCES, asPublished, here, builtAndPublished };
