#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"
#include "cli/shape_options.hpp"
#include "cli/text.hpp"
#include "common/id.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <thread>

namespace cli {

namespace {

struct CreateOptions {
    std::string image;
    std::string from_template;
    std::string name;
    std::string agent;
    std::string host;
    ShapeOptions shape;
    bool no_start = false;
    bool no_wait = false;
    bool wait_for_ip = false;
    bool explain = false;
};

/// "tiny-k3f9q2": known before the answer, so that it can be looked for meanwhile and afterwards.
std::string new_name(const std::string& image)
{
    constexpr std::size_t most = 40;
    auto base = image.substr(0, most);
    base.erase(base.find_last_not_of("._-") + 1); // A dot before the dash would do no good.
    return base + "-" + common::random_base32_80().substr(0, 6);
}

/// Who asks, where nobody says: the user's name, as the API wants it.
std::string default_agent()
{
    const char* user = std::getenv("USER"); // NOLINT(concurrency-mt-unsafe): before any thread.
    return user != nullptr && *user != '\0' ? user : "paddock-cli";
}

common::Result<nlohmann::json> body_of(const CreateOptions& wanted)
{
    nlohmann::json body{{"vm_name", wanted.name},
                        {"agent_id", wanted.agent.empty() ? default_agent() : wanted.agent}};
    if (wanted.no_start || wanted.from_template.empty()) {
        body["auto_start"] = !wanted.no_start;
    }
    const auto set = [&](const char* field, const std::string& value) {
        if (!value.empty()) {
            body[field] = value;
        }
    };
    set("image", wanted.image);
    set("template", wanted.from_template);
    set("host", wanted.host);
    COMMON_CHECK(put_shape(wanted.shape, body));
    if (wanted.wait_for_ip) {
        body["wait_for_ip"] = true;
    }
    return body;
}

/// The sandbox of that name, if the coordinator has one by now; null otherwise.
Json find_named(client::Session& session, const std::string& name)
{
    const auto body = session.get("/v1/sandboxes?vm_name=" + client::encoded(name));
    const auto json = body ? client::parse(*body, session.url()) : common::Error{};
    if (!json || inner_of(*json, "sandboxes").empty()) {
        return nullptr;
    }
    return inner_of(*json, "sandboxes").front();
}

common::Result<int> show_created(Context& context, const std::string& body)
{
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto& sandbox = inner_of(json, "sandbox");
    if (context.console.err_is_tty) {
        const auto phase = text_of(sandbox, "phase");
        Console::say(fmt::format("{} {} on {} {}\n",
                                 text_of(sandbox, "sandbox_name"),
                                 toned(phase, tone_of_phase(phase), context.console.err),
                                 text_of(sandbox, "host_name"),
                                 text_of(sandbox, "ip_address")));
    }
    Console::print(text_of(sandbox, "id") + "\n");
    return exit_ok;
}

/// An image may have to be fetched by the host that is best for it: asked again until it is there.
common::Result<std::string> post_create(client::Session& session,
                                        const nlohmann::json& body,
                                        std::chrono::minutes longest,
                                        std::atomic<bool>& is_fetched)
{
    constexpr std::chrono::seconds pause{1};
    constexpr std::chrono::seconds trouble{30}; // A fetch that fails is tried again.
    const auto until = std::chrono::steady_clock::now() + longest;
    auto hopeful = std::chrono::steady_clock::time_point::min();
    while (true) {
        auto made = session.post("/v1/sandboxes", body, client::Session::Asking::keyed);
        const auto now = std::chrono::steady_clock::now();
        const auto why = made ? std::string{} : std::string{made.error().stable_reason()};
        hopeful = why == "image_fetching" ? now + trouble : hopeful;
        is_fetched =
            (why == "image_fetching" || why == "image_on_its_way" || why == "no_capacity") &&
            now < until && now < hopeful;
        if (!is_fetched) {
            return made;
        }
        std::this_thread::sleep_for(pause);
    }
}

/// Nothing is made: each host's verdict.
common::Result<int> explain(Context& context, const nlohmann::json& body)
{
    COMMON_TRY(const auto answer, context.session.post("/v1/placement/explain", body));
    COMMON_TRY(const auto json, client::parse(answer, context.session.url()));
    const bool placeable = text_of(json, "placeable") == "true";
    if (context.json()) {
        Console::print_json(answer);
    } else {
        Console::print(placement_table(json).render(context.console.out));
    }
    return placeable ? exit_ok : exit_no_capacity;
}

common::Result<int> create(Context& context, CreateOptions wanted)
{
    if (wanted.image.empty() && wanted.from_template.empty()) {
        return common::Error{common::ErrorCode::invalid_argument,
                             "create: an IMAGE or a --template is required",
                             "usage"};
    }
    if (wanted.name.empty()) {
        wanted.name = new_name(wanted.image.empty() ? wanted.from_template : wanted.image);
    }
    COMMON_TRY(const auto body, body_of(wanted));
    if (wanted.explain) {
        return explain(context, body);
    }
    const auto looking = std::shared_ptr{context.another_session()};
    auto seen = std::make_shared<Json>();
    Waiting waiting{.what = "creating " + wanted.name,
                    .if_interrupted = fmt::format("the create goes on if it is on record; see: "
                                                  "paddock get {0}; end it: paddock rm {0}",
                                                  wanted.name)};
    const auto look = [=] {
        *seen = find_named(*looking, wanted.name);
        return !seen->is_null();
    };
    const auto is_fetched = std::make_shared<std::atomic<bool>>(false);
    waiting.phase = [=] {
        return look() ? text_of(*seen, "phase") : *is_fetched ? "a host fetches its image" : "";
    };
    if (wanted.no_wait && !look()) { // Else the name is somebody's, and the answer will say so.
        waiting.enough = look;
    }
    constexpr std::chrono::minutes longest{15};
    constexpr std::chrono::minutes longest_call{90}; // A ready_command may take an hour.
    context.session.set_timeout(longest_call);
    const auto of_image = wanted.no_wait ? std::chrono::minutes{0} : longest;
    auto result = wait_for(
        context.console, waiting, [&session = context.session, body, of_image, is_fetched] {
            return post_create(session, body, of_image, *is_fetched);
        });
    if (!result) { // It is on record and goes on by itself.
        context.thread_left = true;
        return show_created(context, Json{{"sandbox", *seen}}.dump());
    }
    if (!*result) {
        auto error = std::move(*result).error();
        if (error.code == common::ErrorCode::timeout) {
            error.message += fmt::format("; see whether it is there: paddock get {}", wanted.name);
        }
        return error;
    }
    return show_created(context, **result);
}

struct Fork {
    std::string sandbox;
    std::string snapshot;
    std::string prefix;
    std::string agent;
    std::string ttl;
    unsigned count = 1;
    std::vector<std::string> labels;
};

common::Result<nlohmann::json> body_of(const Fork& fork)
{
    nlohmann::json body{{"count", fork.count}};
    const auto set = [&](const char* field, const std::string& value) {
        if (!value.empty()) {
            body[field] = value;
        }
    };
    set("from_snapshot", fork.snapshot);
    set("name_prefix", fork.prefix);
    set("agent_id", fork.agent);
    if (!fork.ttl.empty()) {
        COMMON_TRY(const auto ttl, parse_span(fork.ttl));
        body["ttl_seconds"] = ttl.count();
    }
    if (!fork.labels.empty()) {
        COMMON_TRY(body["labels"], pairs_of(fork.labels, "--label"));
    }
    return body;
}

/// Ids to stdout; what failed to stderr, with the exit status of the first of these.
common::Result<int> show_children(Context& context, const std::string& body)
{
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    int status = exit_ok;
    for (const auto& child : inner_of(json, "children")) {
        const auto failed = child.find("error");
        if (failed == child.end()) {
            if (!context.json()) {
                Console::print(text_of(child, "id") + "\n");
            }
            continue;
        }
        client::ApiClient::Reply reply;
        reply.status = static_cast<int>(number_of(*failed, "code"));
        reply.body = failed->dump();
        auto error = client::error_of(reply, context.session.url()).during(text_of(child, "id"));
        context.console.report(error, context.session.request_id());
        status = status == exit_ok ? exit_status_of(error) : status;
    }
    if (context.json()) {
        Console::print_json(body);
    }
    return status;
}

common::Result<int> fork_sandbox(Context& context, const Fork& fork)
{
    COMMON_TRY(const auto body, body_of(fork));
    COMMON_TRY(const auto id, sandbox_id(context.session, fork.sandbox));
    COMMON_TRY(const auto answer,
               long_call(context,
                         {.what = fmt::format("forking {} of {}", fork.count, fork.sandbox),
                          .if_interrupted = "the fork goes on; see: paddock ls"},
                         [&session = context.session, id, body] {
                             return session.post("/v1/sandboxes/" + id + "/fork",
                                                 body,
                                                 client::Session::Asking::keyed);
                         }));
    return show_children(context, answer);
}

void add_create(CommandLine& line)
{
    auto* command = line.add(
        line.app,
        "create",
        "A new sandbox; its id is the last line of stdout",
        {"ID=$(paddock create tiny)",
         "paddock create debian-12 --name web --cpu 2 --memory 2G --ttl 1h",
         "paddock create --template web",
         "paddock create debian-12 --memory 64G --explain   # Where, and why not elsewhere.",
         "paddock create tiny --label team=search --env STAGE=test --no-wait",
         "paddock create tiny --file-root /home/sandbox --never-read /home/sandbox/.ssh"});
    command->group("Sandboxes");
    auto wanted = std::make_shared<CreateOptions>();
    command->add_option("IMAGE", wanted->image, "what it boots (the template's): paddock images ls")
        ->type_name("");
    command->add_option("--template", wanted->from_template, "says all that is not said here")
        ->type_name(of_template);
    command->add_option("--name", wanted->name, "how to speak of it (the image's, and six letters)")
        ->type_name("NAME");
    command->add_option("--agent", wanted->agent, "for whom it is made (you)")->type_name("AGENT");
    command->add_option("--host", wanted->host, "there and nowhere else")->type_name(of_host);
    add_shape_options(command, wanted->shape);
    auto* stays = command->add_flag("--no-start", wanted->no_start, "made, not booted");
    auto* leaves = command->add_flag("--no-wait", wanted->no_wait, "return once it is on record");
    command->add_flag("--wait-for-ip", wanted->wait_for_ip, "return once it has an address")
        ->excludes(stays)
        ->excludes(leaves);
    command->add_flag("--explain",
                      wanted->explain,
                      "make nothing: say which host would take it, and why others would not");
    line.runs(command, [wanted](Context& context) { return create(context, *wanted); });
}

} // namespace

void add_create_commands(CommandLine& line)
{
    add_create(line);
    auto* command =
        line.add(line.app,
                 "fork",
                 "New sandboxes that go on from where one is; their ids on stdout",
                 {"paddock fork web --count 3", "paddock fork web --from clean --prefix try"});
    command->group("Sandboxes");
    auto fork = std::make_shared<Fork>();
    add_sandbox(command, fork->sandbox);
    command->add_option("-n,--count", fork->count, "how many (1)")
        ->type_name("N")
        ->check(CLI::Range(1, 32));
    command->add_option("--from", fork->snapshot, "from this snapshot of it (from now)")
        ->type_name(of_snapshot);
    command->add_option("--prefix", fork->prefix, "names: PREFIX-1, PREFIX-2, …")
        ->type_name("PREFIX");
    command->add_option("--agent", fork->agent, "for whom they are (the source's)")
        ->type_name("AGENT");
    command->add_option("--ttl", fork->ttl, "destroyed after so long (the source's)")
        ->type_name(of_span);
    add_repeated(command, "--label", fork->labels, "beside the source's")->type_name(of_pair);
    line.runs(command, [fork](Context& context) { return fork_sandbox(context, *fork); });
}

} // namespace cli
