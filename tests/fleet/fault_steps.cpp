#include "tests/fleet/fault_steps.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <libvirt/virterror.h>
#include <mutex>
#include <sstream>
#include <unistd.h>

namespace fault_steps {

namespace {

constexpr const char* libvirtd_pid = "/run/libvirt/libvirtd.pid";
constexpr const char* qemu_pids = "/run/libvirt/qemu";
constexpr int steps_without_room = 5;

class Steps {
public:
    Steps()
    {
        if (const char* folder = std::getenv("PADDOCK_FAULT_STEPS")) {
            folder_ = folder;
        }
    }

    /// What is to be done at this one.
    Order take(Kind kind, const std::string& step)
    {
        const std::scoped_lock lock{mutex_};
        const bool needs_room = kind == Kind::makes || kind == Kind::writes;
        std::string line;
        const bool armed =
            !folder_.empty() && std::getline(std::ifstream{folder_ + "/armed"}, line);
        if (armed && line != armed_) {
            armed_ = line;
            count_ = 0;
            without_room_ = 0;
            last_.clear();
        }
        if (without_room_ > 0 && needs_room) {
            without_room_ -= kind == Kind::makes ? 1 : 0;
            return {"enospc"};
        }
        if (!armed) {
            return {};
        }
        if (kind == Kind::writes && step == last_) {
            return {};
        }
        last_ = step;
        log(std::to_string(++count_) + " " + step + "\n");
        return order(needs_room);
    }

private:
    Order order(bool needs_room)
    {
        std::string token;
        long at = 0;
        Order order;
        std::string when;
        std::istringstream{armed_} >> token >> at >> order.action >> when;
        if (count_ != at) {
            return {};
        }
        NEXT(unlink)((folder_ + "/armed").c_str());
        order.after = when == "after";
        if (order.action == "enospc") {
            without_room_ = steps_without_room - 1;
            return needs_room ? order : Order{};
        }
        return order;
    }

    void log(const std::string& line) const
    {
        const auto file = folder_ + "/steps.log";
        const int fd = NEXT(open)(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        static_cast<void>(!NEXT(write)(fd, line.data(), line.size()));
        ::close(fd);
    }

    std::mutex mutex_;
    std::string folder_;
    std::string armed_;
    std::string last_;
    long count_ = 0;
    int without_room_ = 0;
};

void kill_named_in(const std::filesystem::path& file)
{
    pid_t pid = 0;
    if (std::ifstream{file} >> pid) {
        ::kill(pid, SIGKILL);
    }
}

/// Its children are not to count.
__attribute__((constructor)) void leave_children_alone()
{
    ::unsetenv("LD_PRELOAD");
}

} // namespace

Order take(Kind kind, const std::string& what)
{
    static Steps steps;
    return steps.take(kind, what);
}

void strike(const std::string& action)
{
    if (action == "hostd") {
        ::kill(::getpid(), SIGKILL);
    } else if (action == "libvirtd") {
        kill_named_in(libvirtd_pid);
    } else if (action == "qemu") {
        for (const auto& entry : std::filesystem::directory_iterator{qemu_pids}) {
            const auto name = entry.path().filename().string();
            if (name.starts_with("sbx-") && name.ends_with(".pid")) { // driver.pid is libvirtd's.
                kill_named_in(entry.path());
            }
        }
    }
}

void set_libvirts_error()
{
    std::string message = "this step was made to fail";
    virError error{};
    error.code = VIR_ERR_OPERATION_FAILED;
    error.domain = VIR_FROM_QEMU;
    error.level = VIR_ERR_ERROR;
    error.message = message.data();
    next<int (*)(virErrorPtr)>("virSetError")(&error);
}

} // namespace fault_steps
