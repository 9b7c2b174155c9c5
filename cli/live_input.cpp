#include "cli/live_input.hpp"

#include "common/digest/base64.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace cli {

using common::Error;
using common::ErrorCode;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds pause{200};
/// The coordinator closes a connection that is idle for a minute. One that it is about to close
/// takes a request and gives no answer: an older one is not used.
constexpr std::chrono::seconds connection_idle{30};
/// A write waits 20 s for a command that does not read, and for its sandbox to wake.
constexpr std::chrono::minutes answer{2};

/// It has ended, or reads no more: nothing to tell.
bool is_over(const Error& error)
{
    return error.code == ErrorCode::failed_precondition || error.code == ErrorCode::not_found;
}

/// It was not done, and may be asked for again.
bool passes(const Error& error)
{
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::resource_exhausted ||
           error.code == ErrorCode::rate_limited;
}

} // namespace

/// What the threads share with the owner, and hold until their last request is answered.
struct LiveInput::State {
    explicit State(Options given) : options{std::move(given)} {}

    void run_stdin();
    void run_controls();
    /// Waits until there is something to do; false once there never will be.
    template <typename Ready>
    bool wait(std::unique_lock<std::mutex>& lock,
              std::unique_ptr<client::Session>& session,
              Ready ready);
    common::Result<> give(std::unique_ptr<client::Session>& session,
                          const std::string& to,
                          const nlohmann::json& body);
    void give_stdin(std::unique_ptr<client::Session>& session, const std::string& bytes, bool eof);
    [[nodiscard]] bool is_idle() const
    {
        return stdin_.empty() && !eof && signals.empty() && !size && under_way == 0;
    }

    const Options options;
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    // Under mutex:
    std::string stdin_;
    bool eof = false;    ///< To be said.
    bool closed = false; ///< It takes no more stdin.
    std::deque<std::string> signals;
    std::optional<TerminalSize> size;
    int under_way = 0;
    bool over = false;
};

template <typename Ready>
bool LiveInput::State::wait(std::unique_lock<std::mutex>& lock,
                            std::unique_ptr<client::Session>& session,
                            Ready ready)
{
    const auto awake = [&] { return over || ready(); };
    if (!changed.wait_for(lock, connection_idle, awake)) {
        session.reset();
        changed.wait(lock, awake);
    }
    return !over;
}

common::Result<> LiveInput::State::give(std::unique_ptr<client::Session>& session,
                                        const std::string& to,
                                        const nlohmann::json& body)
{
    const auto until = Clock::now() + options.patience;
    while (true) {
        if (!session) {
            session = options.session();
            session->set_timeout(answer);
        }
        auto done = session->post(options.path + to, body);
        if (done) {
            return {};
        }
        auto error = std::move(done).error();
        if (error.reason != "stdin_full") { // Which has waited already, and may for ever.
            if (!passes(error) || Clock::now() >= until) {
                return error;
            }
            std::this_thread::sleep_for(pause);
        }
        const std::scoped_lock lock{mutex};
        if (over) {
            return error;
        }
    }
}

void LiveInput::State::give_stdin(std::unique_ptr<client::Session>& session,
                                  const std::string& bytes,
                                  bool with_eof)
{
    nlohmann::json body;
    if (!bytes.empty()) {
        body["data_base64"] = common::digest::to_base64(bytes);
    }
    if (with_eof) {
        body["eof"] = true;
    }
    const auto given = give(session, "/stdin", body);
    if (given) {
        return;
    }
    const auto& error = given.error();
    if (options.is_typed && error.code == ErrorCode::timeout) {
        return options.tell("what was typed last may not have arrived: " + error.message);
    }
    const std::scoped_lock lock{mutex};
    closed = true;
    eof = false;
    stdin_.clear();
    if (!is_over(error)) {
        options.tell("a part of stdin may be missing, and the command is sent SIGHUP: " +
                     error.message);
        signals.emplace_back("HUP");
        changed.notify_all();
    }
}

void LiveInput::State::run_stdin()
{
    std::unique_ptr<client::Session> session;
    std::unique_lock lock{mutex};
    while (wait(lock, session, [this] { return !stdin_.empty() || eof; })) {
        const auto bytes = std::exchange(stdin_, {});
        const bool with_eof = std::exchange(eof, false);
        ++under_way;
        lock.unlock();
        options.on_change();
        give_stdin(session, bytes, with_eof);
        lock.lock();
        --under_way;
        changed.notify_all();
        options.on_change();
    }
}

void LiveInput::State::run_controls()
{
    std::unique_ptr<client::Session> session;
    std::unique_lock lock{mutex};
    while (wait(lock, session, [this] { return !signals.empty() || size; })) {
        const auto wanted = std::exchange(size, std::nullopt);
        const auto names = std::exchange(signals, {});
        ++under_way;
        lock.unlock();
        if (wanted) { // One that does not arrive is one of many.
            const nlohmann::json body{{"rows", wanted->rows}, {"cols", wanted->columns}};
            static_cast<void>(give(session, "/resize", body));
        }
        for (const auto& name : names) {
            const auto given = give(session, "/signal", {{"signal", name}});
            if (!given && !is_over(given.error())) {
                options.tell("SIG" + name + " may not have arrived: " + given.error().message);
            }
        }
        lock.lock();
        --under_way;
        changed.notify_all();
    }
}

LiveInput::LiveInput(Options options) : state_{std::make_shared<State>(std::move(options))}
{
    std::thread{[state = state_] { state->run_stdin(); }}.detach();
    std::thread{[state = state_] { state->run_controls(); }}.detach();
}

LiveInput::~LiveInput()
{
    const std::scoped_lock lock{state_->mutex};
    state_->over = true;
    state_->changed.notify_all();
}

std::size_t LiveInput::room() const
{
    const std::scoped_lock lock{state_->mutex};
    return state_->closed ? 0 : most_waiting - std::min(most_waiting, state_->stdin_.size());
}

void LiveInput::write(std::string_view bytes)
{
    const std::scoped_lock lock{state_->mutex};
    if (!state_->closed) {
        state_->stdin_ += bytes;
        state_->changed.notify_all();
    }
}

void LiveInput::close()
{
    const std::scoped_lock lock{state_->mutex};
    state_->eof = !state_->closed;
    state_->changed.notify_all();
}

void LiveInput::signal(const std::string& name)
{
    const std::scoped_lock lock{state_->mutex};
    state_->signals.push_back(name);
    state_->changed.notify_all();
}

void LiveInput::resize(TerminalSize size)
{
    const std::scoped_lock lock{state_->mutex};
    state_->size = size;
    state_->changed.notify_all();
}

bool LiveInput::flush(milliseconds patience) const
{
    std::unique_lock lock{state_->mutex};
    return state_->changed.wait_for(lock, patience, [this] { return state_->is_idle(); });
}

} // namespace cli
