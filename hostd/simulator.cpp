#include "common/log/log.hpp"
#include "common/unique_fd.hpp"
#include "common/version.hpp"
#include "hostd/simulated/console.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

using common::Error;
using common::ErrorCode;
using common::Result;
namespace simulated = hostd::simulated;

namespace {

constexpr int usage_error = 2;

constexpr const char* footer =
    "A fleet on a laptop, beside a coordinator with an empty database:\n"
    "  paddock-simulator keygen --out sim --hosts 1000\n"
    "  paddock-coordinator --config coordinator.yaml enrol --list sim/hosts.enrol\n"
    "  paddock-simulator --keys sim --coordinator-key server.pub --image tiny\n"
    "  curl -s -H \"$A\" $PADDOCK_URL/v1/sandboxes --json "
    "'{\"image\":\"tiny\",\"agent_id\":\"me\",\"auto_start\":true}'\n\n"
    "Hosts speak the real protocol with keys of their own; only what they run is not there. A time "
    "is "
    "milliseconds: 20, or 20-60 for anything between. A share is between 0 and 1.\n\n"
    "Lines on stdin, each answered by JSON on stdout:\n";

struct Arguments {
    std::string keys;
    std::string out;
    std::string prefix = "sim-";
    std::size_t hosts = 0;
    std::vector<std::string> endpoints{"tcp://127.0.0.1:7420"};
    std::string coordinator_key = "/etc/paddock/server.pub";
    std::vector<std::string> images{"tiny"};
    unsigned cores = 16;
    unsigned vcpus = 128;
    std::uint64_t memory_mb = 131072;
    std::uint64_t overhead_mb = 96;
    unsigned parallel_starts = 0;
    std::map<std::string, std::string> spans;
    simulated::FleetSettings fleet;
    double every_sec = 5;
    double connect_sec = 0;
    double hangs_every_sec = 0;
    double hangs_for_sec = 20;
    double dies_every_sec = 0;
    double dies_for_sec = 60;
    std::string log_level = "error";
};

std::chrono::milliseconds seconds(double count)
{
    return std::chrono::milliseconds{static_cast<std::int64_t>(count * 1000)};
}

Result<> keygen(const Arguments& arguments)
{
    const auto count = arguments.hosts == 0 ? 1000 : arguments.hosts;
    COMMON_CHECK(
        simulated::make_members(arguments.out, simulated::member_names(arguments.prefix, count)));
    fmt::print("wrote {0}/hosts.keys (secret) and {0}/hosts.enrol, of {1} hosts\n"
               "next, on the coordinator: paddock-coordinator enrol --list {0}/hosts.enrol\n",
               arguments.out,
               count);
    return {};
}

Result<> read_spans(Arguments& arguments)
{
    auto& ways = arguments.fleet.ways;
    const std::map<std::string, simulated::Span*> all{{"make", &ways.make},
                                                      {"boot", &ways.boot},
                                                      {"wake", &ways.wake},
                                                      {"state", &ways.state},
                                                      {"exec", &ways.exec},
                                                      {"stop", &ways.stop},
                                                      {"destroy", &ways.destroy}};
    for (const auto& [name, text] : arguments.spans) {
        if (!text.empty()) {
            COMMON_TRY(*all.at(name), simulated::parse_span(text));
        }
    }
    return {};
}

Result<> allow_descriptors(std::size_t needed)
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, needed);
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
        if (limit.rlim_cur < needed) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("this process may have {} files open and needs {}: raise it "
                                     "(ulimit -Hn as root, or LimitNOFILE= in a unit), or simulate "
                                     "fewer hosts",
                                     limit.rlim_max,
                                     needed)};
        }
    }
    return {};
}

Result<common::UniqueFd> ending_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr); // All threads that come inherit it.
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    common::UniqueFd fd{::signalfd(-1, &set, SFD_CLOEXEC)};
    if (!fd) {
        return Error{ErrorCode::internal, "signalfd: the system refuses"};
    }
    return fd;
}

Result<> simulate(Arguments arguments)
{
    if (arguments.keys.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "say --keys FOLDER, which paddock-simulator keygen has made; --help has an "
                     "example"};
    }
    COMMON_TRY(const auto signals, ending_signals());
    COMMON_CHECK(common::log::init(arguments.log_level, "text"));
    COMMON_TRY(auto members, simulated::read_members(arguments.keys));
    if (arguments.hosts != 0 && arguments.hosts < members.size()) {
        members.resize(arguments.hosts);
    }
    if (members.empty() || arguments.hosts > members.size()) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} has the keys of {} hosts", arguments.keys, members.size())};
    }
    auto& fleet_is = arguments.fleet;
    COMMON_CHECK(read_spans(arguments));
    COMMON_TRY(fleet_is.link.coordinator_key, hostd::link::read_key(arguments.coordinator_key));
    fleet_is.link.endpoints = arguments.endpoints;
    fleet_is.shape.cores = arguments.cores;
    fleet_is.shape.parallel_starts =
        arguments.parallel_starts == 0 ? arguments.cores : arguments.parallel_starts;
    fleet_is.shape.capacity = {common::Bytes::mib(arguments.memory_mb),
                               arguments.vcpus,
                               common::Bytes::mib(arguments.overhead_mb)};
    for (const auto& text : arguments.images) {
        COMMON_TRY(auto image, simulated::parse_image(text));
        fleet_is.shape.images.push_back(std::move(image));
    }
    fleet_is.trouble = {seconds(arguments.hangs_every_sec),
                        seconds(arguments.hangs_for_sec),
                        seconds(arguments.dies_every_sec),
                        seconds(arguments.dies_for_sec)};
    fleet_is.stagger = seconds(arguments.connect_sec);
    COMMON_CHECK(
        allow_descriptors(simulated::Fleet::descriptors(members.size(), fleet_is.threads)));
    fmt::print(stderr,
               "simulating {} hosts of {} vCPUs and {} MiB, {} to {}, at {}; seed {}\n",
               members.size(),
               arguments.vcpus,
               arguments.memory_mb,
               members.front().name,
               members.back().name,
               fmt::join(arguments.endpoints, ", "),
               fleet_is.seed);
    const common::SystemClock clock;
    simulated::Fleet fleet{fleet_is, clock, std::move(members)};
    fleet.start();
    const auto watched = simulated::watch(fleet, signals.get(), seconds(arguments.every_sec));
    fleet.stop();
    fmt::print("{}\n", simulated::to_json(fleet.summary()));
    return watched;
}

void declare(CLI::App& app, Arguments& arguments)
{
    // Headings of the help, which manual pages are made of.
    const auto group = [&app](const char* name) { app.option_defaults()->group(name); };
    group("Who and where");
    app.add_option("--keys", arguments.keys, "folder that keygen has made");
    app.add_option("--hosts", arguments.hosts, "only the first so many of them (default: all)");
    app.add_option("--coordinator", arguments.endpoints, "its endpoints")->capture_default_str();
    app.add_option("--coordinator-key", arguments.coordinator_key, "file with its public key")
        ->capture_default_str();
    app.add_option("--connect-sec", arguments.connect_sec, "all have connected after so long")
        ->capture_default_str();
    app.add_option("--threads", arguments.fleet.threads, "beside ZeroMQ's, one each")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    group("What each host has");
    app.add_option("--image", arguments.images, "NAME or NAME:VCPUS:MEMORY_MB, any number of them")
        ->capture_default_str();
    app.add_option("--cores", arguments.cores)->capture_default_str();
    app.add_option("--vcpus", arguments.vcpus, "to promise")->capture_default_str();
    app.add_option("--memory-mb", arguments.memory_mb, "likewise")->capture_default_str();
    app.add_option("--overhead-mb", arguments.overhead_mb, "charged for each VM")
        ->capture_default_str();
    app.add_option("--parallel-starts", arguments.parallel_starts, "booting at once; 0: cores")
        ->capture_default_str();
    group("How long it takes, in ms");
    const std::initializer_list<std::array<const char*, 3>> spans{
        {"make", "5-20", "lease, overlay, definition"},
        {"boot", "100-400", "from power-on to the agent's hello"},
        {"wake", "5-20", "pause, go on, claim"},
        {"state", "100-300", "suspend, resume, checkpoint, restore, clone"},
        {"exec", "5-15", "a command"},
        {"stop", "50-200", "power off"},
        {"destroy", "20-60", "take away"}};
    for (const auto& [name, value, about] : spans) {
        app.add_option(fmt::format("--{}-ms", name),
                       arguments.spans[name],
                       fmt::format("{} (default: {})", about, value));
    }
    group("What goes wrong");
    auto& ways = arguments.fleet.ways;
    app.add_option("--refuse", ways.refused_creates, "share of creates that a host turns away")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--fail", ways.failed_creates, "share of creates that it undoes half way")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--fail-exec", ways.failed_execs, "share of commands that exit with 1")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--hang-every-sec", arguments.hangs_every_sec, "some host hangs; 0: never");
    app.add_option("--hang-for-sec", arguments.hangs_for_sec)->capture_default_str();
    app.add_option("--die-every-sec", arguments.dies_every_sec, "some host dies; 0: never");
    app.add_option("--die-for-sec", arguments.dies_for_sec)->capture_default_str();
    app.add_option("--seed", arguments.fleet.seed, "of the dice")->capture_default_str();
    group("What is told");
    app.add_option("--every-sec", arguments.every_sec, "a line on stderr; 0: never")
        ->capture_default_str();
    app.add_option("--log-level", arguments.log_level, "of the link: trace to error")
        ->capture_default_str();
    group("Options"); // Of subcommands.
}

int report(const Error& error)
{
    fmt::print(stderr, "paddock-simulator: {}\n", error.message);
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv)
{
    CLI::App app{
        "Many hosts in one process, for a real coordinator: to size a fleet and try placement, "
        "drains\nand failures before there is hardware. Without a subcommand it simulates, until "
        "SIGTERM."};
    Arguments arguments;
    std::function<Result<>()> action = [&arguments] { return simulate(arguments); };
    app.set_version_flag("--version", fmt::format("paddock-simulator {}", common::version));
    declare(app, arguments);
    auto* keys = app.add_subcommand("keygen", "Make the keys of simulated hosts");
    keys->add_option("--out", arguments.out, "folder for hosts.keys and hosts.enrol")->required();
    keys->add_option("--hosts", arguments.hosts, "how many (default: 1000)")
        ->check(CLI::Range(1, 100000));
    keys->add_option("--prefix", arguments.prefix, "of their names")->capture_default_str();
    keys->callback([&action, &arguments] { action = [&arguments] { return keygen(arguments); }; });
    app.footer(std::string{footer} + simulated::words_understood);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : usage_error;
    }
    try {
        const auto done = action();
        return done ? EXIT_SUCCESS : report(done.error());
    } catch (const std::exception& error) { // Of ZeroMQ or the system, at the start.
        return report({ErrorCode::internal, error.what()});
    }
}
