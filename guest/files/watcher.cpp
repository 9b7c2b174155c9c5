#include "guest/files/watcher.hpp"

#include "guest/files/errors.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr std::size_t buffer_bytes = std::size_t{32} << 10U;
constexpr std::size_t told_at_most = 10'000; ///< Of what is in new folders, for one read().
constexpr std::size_t told_bytes_at_most = std::size_t{4} << 20U; ///< The same, in paths.

} // namespace

std::string_view to_string(Change change) noexcept
{
    switch (change) {
    case Change::created: return "created";
    case Change::modified: return "modified";
    case Change::deleted: return "deleted";
    case Change::moved: return "moved";
    case Change::attributes: return "attributes";
    case Change::overflow: return "overflow";
    }
    return "modified";
}

Result<Watcher>
Watcher::open(const PathPolicy& policy, std::string_view path, const WatchOptions& options)
{
    Watcher watcher{policy, options};
    watcher.inotify_ = UniqueFd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!watcher.inotify_) {
        return failure("watch", path, errno);
    }
    COMMON_TRY(watcher.root_path_, normal_path(path));
    COMMON_TRY(const auto there, exists(policy, path, LastLink::followed));
    if (!there || there->kind != Kind::folder) {
        COMMON_TRY(const auto place, policy.place(path, Access::read, LastLink::followed));
        watcher.only_ = place.name;
        COMMON_TRY(watcher.root_, watcher.add(place.folder, watcher.root_path_));
        return watcher;
    }
    COMMON_TRY(const auto found, policy.find(path, LastLink::followed));
    watcher.root_real_ = found.path;
    watcher.root_status_ = found.status;
    COMMON_TRY(watcher.root_, watcher.add(found.fd, watcher.root_path_));
    if (options.recursive == Recursive::yes) {
        COMMON_TRY(auto folder,
                   Folder::open(found.fd.get(), ".", watcher.root_path_, Mounts::entered));
        watcher.names_left_ = names_at_most;
        watcher.add_tree(folder, watcher.root_path_, nullptr);
    }
    return watcher;
}

void Watcher::tell_new(const Entry& entry, Events& events)
{
    if (told_ == told_at_most || told_bytes_ + entry.path.size() > told_bytes_at_most) {
        tell_overflow(events);
        return;
    }
    ++told_;
    told_bytes_ += entry.path.size();
    events.push_back({Change::created, entry.path, {}, entry.kind == Kind::folder});
}

void Watcher::tell_overflow(Events& events)
{
    if (!std::exchange(overflow_told_, true)) {
        events.push_back({Change::overflow, {}});
    }
}

Result<std::vector<FileEvent>> Watcher::read()
{
    Events events;
    names_left_ = names_at_most;
    told_bytes_ = 0;
    told_ = 0;
    overflow_told_ = false;
    alignas(inotify_event) std::array<char, buffer_bytes> buffer{};
    // Once more if a move is half told: its other half comes right after it.
    for (int round = 0; round < 2 && (round == 0 || pending_); ++round) {
        const auto count = ::read(inotify_.get(), buffer.data(), buffer.size());
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return failure("read events of", root_path_, errno);
        }
        take({buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count)}, events);
    }
    settle_pending(events);
    enter_missed(events);
    return events;
}

void Watcher::take(std::string_view buffer, Events& events)
{
    inotify_event event{};
    while (buffer.size() >= sizeof event) {
        std::memcpy(&event, buffer.data(), sizeof event);
        const auto name = buffer.substr(sizeof event, event.len);
        buffer.remove_prefix(sizeof event + name.size());
        handle(event.wd,
               event.mask,
               event.cookie,
               std::string{name.substr(0, name.find('\0'))},
               events);
    }
}

void Watcher::handle(
    int watch, std::uint32_t mask, std::uint32_t cookie, const std::string& name, Events& events)
{
    if ((mask & IN_Q_OVERFLOW) != 0) {
        settle_pending(events);
        tell_overflow(events);
        if (only_.empty() && !ended_) {
            look_again(events);
        }
        return;
    }
    const auto found = watched_.find(watch);
    if (found == watched_.end()) {
        return; // Of a folder that was forgotten meanwhile.
    }
    if ((mask & IN_IGNORED) != 0) {
        ended_ = ended_ || watch == root_;
        watched_.erase(found);
        return;
    }
    if (!name.empty() && (only_.empty() || name == only_)) {
        handle_named(watch, mask, cookie, name, events);
    } else if (name.empty() && watch == root_) {
        handle_self(mask, events);
    }
}

void Watcher::handle_named(
    int watch, std::uint32_t mask, std::uint32_t cookie, const std::string& name, Events& events)
{
    const auto& above = watched_.at(watch);
    const auto path = only_.empty() ? below(above, name) : above;
    const bool folder = (mask & IN_ISDIR) != 0;
    if (pending_ && (mask & IN_MOVED_TO) != 0 && pending_->cookie == cookie) {
        const auto from = std::exchange(pending_, std::nullopt)->path;
        events.push_back({Change::moved, from, path, folder});
        if (folder && is_recursive()) {
            moved(from, path, events);
        }
        return;
    }
    settle_pending(events);
    if ((mask & IN_MOVED_FROM) != 0) {
        pending_ = Pending{cookie, path, folder};
    } else if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        events.push_back({Change::created, path, {}, folder});
        if (folder && is_recursive() && !enter_new(path, events)) {
            missed_.emplace_back(watch, name);
        }
    } else if ((mask & IN_DELETE) != 0) {
        events.push_back({Change::deleted, path, {}, folder});
    } else if ((mask & IN_MODIFY) != 0) {
        events.push_back({Change::modified, path, {}, folder});
    } else if ((mask & IN_ATTRIB) != 0) {
        events.push_back({Change::attributes, path, {}, folder});
    }
}

/// What happens to the watched folder itself; of the ones in it their parents tell.
void Watcher::handle_self(std::uint32_t mask, Events& events)
{
    if ((mask & IN_DELETE_SELF) != 0) {
        events.push_back({Change::deleted, root_path_, {}, only_.empty()});
        ended_ = true;
    } else if ((mask & IN_MOVE_SELF) != 0) {
        events.push_back({Change::moved, root_path_, {}, only_.empty()});
        ended_ = true;
    } else if ((mask & IN_ATTRIB) != 0 && only_.empty()) {
        events.push_back({Change::attributes, root_path_, {}, true});
    }
}

void Watcher::settle_pending(Events& events)
{
    if (const auto left = std::exchange(pending_, std::nullopt)) {
        events.push_back({Change::deleted, left->path, {}, left->folder});
        if (left->folder) {
            forget(left->path);
        }
    }
}

} // namespace guest::files
