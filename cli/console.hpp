#pragma once

#include "cli/table.hpp"
#include "common/error.hpp"

#include <string>
#include <string_view>

namespace cli {

enum class Output { table, json };

/// Where words go: results to stdout, everything else to stderr.
struct Console {
    Output output = Output::table;
    Look out;                ///< Of stdout.
    Look err;                ///< Of stderr.
    bool err_is_tty = false; ///< Somebody watches: progress may be shown.

    /// Of this process; `no_colour` is what NO_COLOR asks (no-color.org).
    static Console of_process(bool no_colour);

    /// To stdout, as it is.
    static void print(std::string_view text);
    /// One JSON document, and a line end.
    static void print_json(std::string_view document);
    /// To stderr, as it is.
    static void say(std::string_view text);
    /// A failure, for people or as JSON, to stderr.
    void report(const common::Error& error, const std::string& request_id) const;
};

/// JSON that may be shown on a terminal: DEL and the controls of C1, which JSON need not escape,
/// are.
std::string shown_json(std::string_view json);

/// False if something that was printed could not be written, a full disk for instance.
bool all_written();

/// One line for people; fields and details below it.
std::string error_text(const common::Error& error, const std::string& request_id, const Look& look);
/// The API's shape of an error, with what the program exits with.
std::string error_json(const common::Error& error, const std::string& request_id);

} // namespace cli
