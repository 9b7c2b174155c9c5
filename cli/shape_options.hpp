#pragma once

#include "cli/command_line.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cli {

/// What creates and templates say of a sandbox, beside its image.
struct ShapeOptions {
    std::string memory;
    std::string ttl;
    std::string network;
    std::string pool;
    std::string disk;
    unsigned cpu = 0;
    std::vector<std::string> host_labels;
    std::vector<std::string> tolerations;
    std::string accelerator;
    std::string group;
    std::string spread_by;
    std::string apart;
    std::string ready;
    std::string ready_timeout;
    unsigned replicas = 0;
    std::string replica_every;
    bool replica_disk_only = false;
    std::vector<std::string> labels;
    std::vector<std::string> env;
    std::vector<std::string> file_roots;
    std::vector<std::string> never_read;
    std::vector<std::string> never_written;
};

void add_shape_options(CLI::App* command, ShapeOptions& wanted);

/// Those that were given, as the API's fields. `invalid_argument` names the option.
common::Result<> put_shape(const ShapeOptions& wanted, nlohmann::json& body);

} // namespace cli
