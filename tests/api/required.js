"use strict";
// Of the HTTP contract's models, the fields that are always present; and where in replies they are.

const FIELDS = {
  sandbox: ["id", "job_id", "agent_id", "sandbox_name", "base_image", "network", "state", "created_at", "updated_at", "phase", "image",
    "cpu", "memory_mb", "labels", "network_mode", "generation"],
  snapshot: ["id", "sandbox_id", "name", "kind", "ref", "created_at", "has_memory", "size_bytes"],
  command: ["id", "sandbox_id", "command", "stdout", "stderr", "exit_code", "started_at", "ended_at", "truncated", "timed_out", "user"],
  playbook: ["id", "name", "hosts", "become", "created_at", "updated_at"],
  task: ["id", "playbook_id", "position", "name", "module", "params", "created_at"],
  plan: ["id", "name", "description", "status", "current_step", "steps", "created_at", "updated_at"],
  vm: ["name", "uuid", "state", "persistent"],
  error: ["error", "code", "reason", "request_id"],
};
const REPLIES = {
  getHealth: ["status"],
  listVirtualMachines: ["vms"],
  listSandboxes: ["sandboxes", "total"],
  createSandbox: ["sandbox"],
  getSandbox: ["sandbox"],
  destroySandbox: ["state", "base_image", "sandbox_name"],
  runSandboxCommand: ["command"],
  listSandboxCommands: ["commands", "total"],
  createSnapshot: ["snapshot"],
  listPlaybooks: ["playbooks", "total"],
  createPlaybook: ["playbook"],
  getPlaybook: ["playbook", "tasks"],
  exportPlaybook: ["yaml"],
  addPlaybookTask: ["task"],
  updatePlaybookTask: ["task"],
  listPlans: ["plans", "total"],
  createPlan: ["plan_id", "plan"],
  getPlan: ["plan"],
  updatePlan: ["plan_id", "updated", "plan"],
};

function missing(where, fields, value) {
  return fields.filter((field) => value[field] === undefined).map((field) => `${where} lacks ${field}`);
}

/** What a reply lacks by the contract. */
function lacking(operationId, status, body) {
  if (status >= 400) return missing("the error", FIELDS.error, body);
  const out = missing("the reply", REPLIES[operationId] ?? [], body);
  for (const [name, fields] of Object.entries(FIELDS)) {
    const lone = body[name] !== null && typeof body[name] === "object" ? [body[name]] : [];
    const many = name === "sandbox" ? body.sandboxes : body[`${name}s`];
    for (const one of [...lone, ...(Array.isArray(many) ? many : [])]) out.push(...missing(`a ${name}`, fields, one));
  }
  if (body.command?.metadata !== undefined) out.push("a command has metadata, which old clients mis-parse");
  return out;
}

module.exports = { lacking };
