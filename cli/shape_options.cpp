#include "cli/shape_options.hpp"

#include "cli/answers.hpp"
#include "cli/text.hpp"

namespace cli {

void add_shape_options(CLI::App* command, ShapeOptions& wanted)
{
    command->add_option("--cpu", wanted.cpu, "virtual CPUs (the image's)")->type_name("N");
    command->add_option("--memory", wanted.memory, "like 512M or 2G (the image's)")
        ->type_name("SIZE");
    command->add_option("--ttl", wanted.ttl, "destroyed after so long, like 90s, 10m, 2h")
        ->type_name(of_span);
    add_repeated(command, "--label", wanted.labels, "to find it by")->type_name(of_pair);
    add_repeated(command, "--env", wanted.env, "in the environment of its commands")
        ->type_name(of_pair);
    add_repeated(command, "--file-root", wanted.file_roots, "the API's file requests stay below it")
        ->type_name("FOLDER");
    add_repeated(
        command, "--never-read", wanted.never_read, "refused to them, and what is below it")
        ->type_name("PATH");
    add_repeated(command, "--never-write", wanted.never_written, "likewise")->type_name("PATH");
    command->add_option("--network", wanted.network, "nat, isolated or none (nat)")
        ->type_name("MODE")
        ->check(CLI::IsMember({"nat", "isolated", "none"}));
    command->add_option("--pool", wanted.pool, "one that stands ready: prefer, require or skip")
        ->type_name("USE")
        ->check(CLI::IsMember({"prefer", "require", "skip"}));
    command->add_option("--disk", wanted.disk, "durable or ephemeral (durable)")
        ->type_name("KIND")
        ->check(CLI::IsMember({"durable", "ephemeral"}));
    add_repeated(command, "--host-label", wanted.host_labels, "on a host that has it")
        ->type_name(of_pair);
    add_repeated(command, "--tolerate", wanted.tolerations, "also on hosts with this taint")
        ->type_name("NAME[=VALUE]");
    command->add_option("--accelerator", wanted.accelerator, "on a host with kvm, or tcg")
        ->type_name("KIND")
        ->check(CLI::IsMember({"kvm", "tcg"}));
    auto* group =
        command->add_option("--group", wanted.group, "kept apart from others of it: host by host")
            ->type_name("NAME");
    command->add_option("--spread-by", wanted.spread_by, "or by this label of hosts, like rack")
        ->type_name("LABEL")
        ->needs(group);
    command->add_option("--apart", wanted.apart, "required or preferred (required)")
        ->type_name("HOW")
        ->needs(group)
        ->check(CLI::IsMember({"required", "preferred"}));
    auto* ready =
        command
            ->add_option("--ready",
                         wanted.ready,
                         "wait until this command succeeds in it, as in 'curl -fs localhost'")
            ->type_name("COMMAND");
    command->add_option("--ready-timeout", wanted.ready_timeout, "for so long (1m)")
        ->type_name(of_span)
        ->needs(ready);
    auto* replicas = command
                         ->add_option("--replicas",
                                      wanted.replicas,
                                      "hosts that keep a copy, should its own be lost")
                         ->type_name("N")
                         ->check(CLI::Range(1, 3));
    command->add_option("--replica-every", wanted.replica_every, "how old a copy gets (5m)")
        ->type_name(of_span)
        ->needs(replicas);
    command
        ->add_flag("--replica-disk-only",
                   wanted.replica_disk_only,
                   "copies without memory: smaller, and it boots from one")
        ->needs(replicas);
}

common::Result<> put_shape(const ShapeOptions& wanted, nlohmann::json& body)
{
    if (!wanted.memory.empty()) {
        COMMON_TRY(body["memory_mb"], parse_memory_mb(wanted.memory));
    }
    if (!wanted.ttl.empty()) {
        COMMON_TRY(const auto ttl, parse_span(wanted.ttl));
        body["ttl_seconds"] = ttl.count();
    }
    if (wanted.cpu > 0) {
        body["cpu"] = wanted.cpu;
    }
    const auto set = [&](const char* field, const std::string& value) {
        if (!value.empty()) {
            body[field] = value;
        }
    };
    set("network_mode", wanted.network);
    set("pool", wanted.pool);
    set("disk", wanted.disk);
    set("ready_command", wanted.ready);
    if (!wanted.ready_timeout.empty()) {
        COMMON_TRY(const auto timeout, parse_span(wanted.ready_timeout));
        body["ready_timeout_sec"] = timeout.count();
    }
    if (!wanted.host_labels.empty()) {
        COMMON_TRY(body["placement"]["labels"], pairs_of(wanted.host_labels, "--host-label"));
    }
    if (!wanted.tolerations.empty()) {
        body["placement"]["tolerations"] = wanted.tolerations;
    }
    const auto set_wish = [&](const char* field, const std::string& value) {
        if (!value.empty()) {
            body["placement"][field] = value;
        }
    };
    set_wish("accelerator", wanted.accelerator);
    set_wish("group", wanted.group);
    set_wish("spread_by", wanted.spread_by);
    set_wish("apart", wanted.apart);
    if (wanted.replicas > 0) {
        body["replicas"]["count"] = wanted.replicas;
        if (!wanted.replica_every.empty()) {
            COMMON_TRY(const auto every, parse_span(wanted.replica_every));
            body["replicas"]["every_sec"] = every.count();
        }
        if (wanted.replica_disk_only) {
            body["replicas"]["memory"] = false;
        }
    }
    if (!wanted.labels.empty()) {
        COMMON_TRY(body["labels"], pairs_of(wanted.labels, "--label"));
    }
    if (!wanted.env.empty()) {
        COMMON_TRY(body["env"], pairs_of(wanted.env, "--env"));
    }
    const auto set_paths = [&](const char* field, const std::vector<std::string>& paths) {
        if (!paths.empty()) {
            body["file_policy"][field] = paths;
        }
    };
    set_paths("roots", wanted.file_roots);
    set_paths("never_read", wanted.never_read);
    set_paths("never_written", wanted.never_written);
    return {};
}

} // namespace cli
