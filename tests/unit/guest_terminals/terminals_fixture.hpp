#pragma once

#include "guest/terminals/checks.hpp"
#include "guest/terminals/own_terminals.hpp"
#include "guest/terminals/pty_terminals.hpp"
#include "guest/terminals/tmux_terminals.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/wait.h>

namespace guest::terminals {

using namespace std::chrono_literals;

/// "": it worked.
template <typename T>
std::string reason_of(const common::Result<T>& result)
{
    return result ? std::string{} : std::string{result.error().stable_reason()};
}

/// A loop as the agent's, around terminals or anything else that is driven like them.
template <typename Driven>
class Loop {
public:
    Loop(Driven& driven, const common::Clock& clock) : driven_{driven}, clock_{clock} {}

    /// False: not within a minute.
    bool until(const std::function<bool()>& done)
    {
        const auto deadline = clock_.steady() + 60s;
        while (!done()) {
            if (clock_.steady() > deadline) {
                return false;
            }
            turn();
        }
        return true;
    }
    void turn()
    {
        const auto due = driven_.on_time();
        std::vector<pollfd> polled;
        driven_.descriptors([&](int fd, short events) { polled.push_back({fd, events, 0}); });
        // Children are asked after at least so often: there is no signalfd here.
        auto wait = std::chrono::milliseconds{5};
        if (due && *due <= clock_.steady()) {
            wait = 0ms;
        }
        ::poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
        const auto before = spent();
        driven_.serve();
        longest_serve = std::max(longest_serve, spent() - before);
        int status = 0;
        for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            driven_.reaped(pid, status);
        }
        driven_.on_time();
    }

    std::chrono::nanoseconds longest_serve{0}; ///< Of this thread's own, whoever else is busy.

private:
    static std::chrono::nanoseconds spent()
    {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
    }

    Driven& driven_;
    const common::Clock& clock_;
};

inline User me()
{
    return {"root", ::geteuid(), ::getegid(), {::getegid()}, "/", "/bin/sh"};
}

/// Those whose command line has the word; but tmux's server, which has that of its first call.
inline std::size_t processes_with(const std::string& word)
{
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const auto text = read_file((entry.path() / "cmdline").c_str());
        count += text.find(word) != std::string::npos && text.find("tmux") == std::string::npos;
    }
    return count;
}

struct PtyBackend {
    static std::string missing() { return ""; }
    static std::unique_ptr<Terminals> make(const common::Clock& clock,
                                           const Limits& limits,
                                           const std::string& /*socket*/,
                                           const User& user)
    {
        return std::make_unique<PtyTerminals>(clock, user, "", limits);
    }
};

struct TmuxBackend {
    static std::string missing() { return find_tmux().empty() ? "there is no tmux here" : ""; }
    static std::unique_ptr<Terminals> make(const common::Clock& clock,
                                           const Limits& limits,
                                           const std::string& socket,
                                           const User& user)
    {
        return std::make_unique<TmuxTerminals>(
            clock, TmuxProgram{find_tmux(), user, "", socket}, limits);
    }
};

/// Terminals of one kind, with the loop that drives them. All of it is gone at the end.
template <typename Backend>
class On {
public:
    explicit On(const Limits& limits = {}, const User& user = me()) : uid{user.uid}
    {
        static int number = 0;
        std::signal(SIGPIPE, SIG_IGN); // As the agent does.
        socket = "paddock-test-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
        terminals = Backend::make(clock, limits, socket, user);
        loop.emplace(*terminals, clock);
    }
    ~On()
    {
        const auto left =
            ask<std::vector<SessionView>>([&](auto then) { terminals->sessions(then); });
        for (const auto& session : left ? *left : std::vector<SessionView>{}) {
            static_cast<void>(kill_session(session.id));
        }
        const std::filesystem::path folder = "/tmp/tmux-" + std::to_string(uid);
        std::error_code ignored;
        std::filesystem::remove(folder / socket, ignored);
        if (uid != ::geteuid()) {
            std::filesystem::remove(folder, ignored);
        }
    }
    On(const On&) = delete;
    On& operator=(const On&) = delete;

    template <typename T>
    common::Result<T> ask(const std::function<void(Then<T>)>& function)
    {
        std::optional<common::Result<T>> answer;
        function([&](common::Result<T> given) {
            BOOST_TEST(!answer.has_value());
            answer = std::move(given);
        });
        BOOST_REQUIRE(loop->until([&] { return answer.has_value(); }));
        return *std::move(answer);
    }

    static NewSession running(const std::string& line, const std::string& name = "")
    {
        NewSession wanted;
        wanted.name = name;
        wanted.program.line = line;
        return wanted;
    }
    common::Result<SessionView> create(const NewSession& wanted)
    {
        return ask<SessionView>([&](auto then) { terminals->create_session(wanted, then); });
    }
    common::Result<PaneView> create(const NewPane& wanted)
    {
        return ask<PaneView>([&](auto then) { terminals->create_pane(wanted, then); });
    }
    /// Its first pane.
    std::string start(const NewSession& wanted)
    {
        const auto session = create(wanted);
        BOOST_REQUIRE_MESSAGE(session, (session ? "" : session.error().message));
        return panes(session->id).front().id;
    }
    std::string start(const std::string& line) { return start(running(line)); }

    std::vector<SessionView> sessions()
    {
        return *ask<std::vector<SessionView>>([&](auto then) { terminals->sessions(then); });
    }
    std::vector<WindowView> windows(const std::string& session = "")
    {
        return *ask<std::vector<WindowView>>([&](auto then) { terminals->windows(session, then); });
    }
    std::vector<PaneView> panes(const std::string& session = "")
    {
        return *ask<std::vector<PaneView>>([&](auto then) { terminals->panes(session, then); });
    }
    PaneView pane(const std::string& id)
    {
        for (auto& each : panes()) {
            if (each.id == id) {
                return each;
            }
        }
        BOOST_FAIL("no pane " + id);
        return {};
    }
    common::Result<PaneText> read(const std::string& pane, std::uint32_t last_lines = 0)
    {
        return ask<PaneText>([&](auto then) { terminals->read(pane, last_lines, then); });
    }
    common::Result<> send(const std::string& pane, const std::vector<Key>& keys)
    {
        return ask<void>([&](auto then) { terminals->send_keys(pane, keys, then); });
    }
    common::Result<> resize(const std::string& pane, TerminalSize size)
    {
        return ask<void>([&](auto then) { terminals->resize(pane, size, then); });
    }
    common::Result<> switch_to(const std::string& pane)
    {
        return ask<void>([&](auto then) { terminals->switch_to(pane, then); });
    }
    common::Result<> kill_pane(const std::string& pane)
    {
        return ask<void>([&](auto then) { terminals->kill_pane(pane, then); });
    }
    common::Result<> kill_window(const std::string& window)
    {
        return ask<void>([&](auto then) { terminals->kill_window(window, then); });
    }
    common::Result<std::string> kill_session(const std::string& session)
    {
        return ask<std::string>([&](auto then) { terminals->kill_session(session, then); });
    }
    common::Result<WatchId> watch(const std::string& pane)
    {
        return ask<WatchId>([&](auto then) { terminals->watch(pane, then); });
    }

    /// Until what the pane shows has it; what it shows then.
    std::string shows(const std::string& pane, const std::string& text, std::uint32_t lines = 0)
    {
        std::string content;
        const bool did = loop->until([&] {
            const auto shown = read(pane, lines);
            content = shown ? shown->content : shown.error().message;
            return content.find(text) != std::string::npos;
        });
        BOOST_REQUIRE_MESSAGE(did, "'" + text + "' is not in: " + content);
        return content;
    }
    bool ends(const std::string& id)
    {
        return loop->until([&] { return pane(id).end.has_value(); });
    }
    /// Pieces until one of the kind; their bytes together, and that last one.
    WatchPiece watched(WatchId watch, WatchPiece::Kind kind, const std::string& text = "")
    {
        std::string seen;
        std::optional<WatchPiece> last;
        const bool came = loop->until([&] {
            while (auto piece = terminals->next(watch, 4096)) {
                seen += piece->bytes;
                last = std::move(piece);
                if (last->kind == kind && seen.find(text) != std::string::npos) {
                    return true;
                }
                BOOST_REQUIRE_MESSAGE(last->kind != WatchPiece::Kind::ended,
                                      "ended (" + last->reason + ") after: " + seen);
            }
            return false;
        });
        BOOST_REQUIRE_MESSAGE(came,
                              "'" + text + "' (" + std::to_string(static_cast<int>(kind)) +
                                  ") was not seen in: " + seen);
        last->bytes = seen;
        return *last;
    }

    common::SystemClock clock;
    std::uint32_t uid;
    std::string socket;
    std::unique_ptr<Terminals> terminals;
    std::optional<Loop<Terminals>> loop;
    tests::TempFolder temp;
};

using Backends = std::tuple<PtyBackend, TmuxBackend>;

/// Of a case for one of them, by its name.
inline boost::test_tools::assertion_result backend_is_here(boost::unit_test::test_unit_id id)
{
    const auto name = boost::unit_test::framework::get(id, boost::unit_test::TUT_ANY).p_name.get();
    const bool tmux = name.find("TmuxBackend") != std::string::npos;
    boost::test_tools::assertion_result here{!tmux || TmuxBackend::missing().empty()};
    here.message() << TmuxBackend::missing();
    return here;
}

inline boost::test_tools::assertion_result tmux_is_here(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result here{TmuxBackend::missing().empty()};
    here.message() << TmuxBackend::missing();
    return here;
}

} // namespace guest::terminals

/// A case that holds for both kinds of terminals.
#define CONTRACT_CASE(name)                                                                        \
    BOOST_TEST_DECORATOR(*boost::unit_test::precondition(backend_is_here))                         \
    BOOST_AUTO_TEST_CASE_TEMPLATE(name, Backend, Backends)
