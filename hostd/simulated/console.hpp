#pragma once

#include "hostd/simulated/fleet.hpp"

namespace hostd::simulated {

/// What obey() understands, a line each, for people.
extern const char* const words_understood;

/// As one object, on one line.
std::string to_json(const Shard::Summary& sum);

/// What one line of somebody's says, and is answered on stdout. False: that was the last one.
bool obey(Fleet& fleet, const std::string& line);

/// Takes orders on stdin and tells on stderr what happens, every so often (0: never), until one of
/// `signals` (a signalfd) comes or stdin says `quit`. An stdin that ends says nothing more.
common::Result<> watch(Fleet& fleet, int signals, std::chrono::milliseconds every);

} // namespace hostd::simulated
