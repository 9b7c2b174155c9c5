#include "guest/files/watcher.hpp"

#include "guest/files/entry.hpp"
#include "guest/files/errors.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr std::uint32_t watched_events = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM |
                                         IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::size_t buffer_bytes = std::size_t{32} << 10U;
constexpr std::size_t told_at_most = 10'000; ///< Of what is in new folders, for one read().

std::string below(const std::string& folder, const std::string& name)
{
    return (folder == "/" ? "" : folder) + "/" + name;
}

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
    COMMON_TRY(const auto shown, normal_path(path));
    COMMON_TRY(const auto there, exists(policy, path, LastLink::followed));
    if (!there || there->kind != Kind::folder) {
        COMMON_TRY(const auto place, policy.place(path, Access::read, LastLink::followed));
        watcher.only_ = place.name;
        COMMON_TRY(watcher.root_, watcher.add(place.folder, {shown, place.path, 0}));
        return watcher;
    }
    COMMON_TRY(const auto found, policy.find(path, LastLink::followed));
    const Watched root{shown, found.path, 0};
    COMMON_TRY(watcher.root_, watcher.add(found.fd, root));
    if (options.recursive == Recursive::yes) {
        COMMON_TRY(auto folder, Folder::open(found.fd.get(), ".", shown, Mounts::entered));
        watcher.add_tree(folder, root, nullptr);
    }
    return watcher;
}

Result<int> Watcher::add(const UniqueFd& folder, Watched watched)
{
    const int watch = ::inotify_add_watch(
        inotify_.get(), proc_path(folder).c_str(), watched_events | IN_ONLYDIR | IN_EXCL_UNLINK);
    if (watch < 0 && errno == ENOSPC) {
        return refusal(ErrorCode::resource_exhausted,
                       "watch",
                       watched.path,
                       "no more inotify watches in this guest",
                       "no_resources");
    }
    if (watch < 0) {
        return failure("watch", watched.path, errno);
    }
    watched_[watch] = std::move(watched);
    return watch;
}

/// Watches the folders in one; tells of everything in it if it is new.
void Watcher::add_tree(Folder& folder, const Watched& watched, Events* told)
{
    while (true) {
        auto name = folder.next();
        if (!name) {
            partial_ = true;
            return;
        }
        if (!*name) {
            return;
        }
        const auto entry = entry_at(folder.fd(), **name, below(watched.path, **name));
        if (!entry) {
            continue; // Gone already.
        }
        const bool is_folder = entry->kind == Kind::folder;
        if (told != nullptr && told->size() < told_at_most) {
            told->push_back({Change::created, entry->path, {}, is_folder});
        } else if (told != nullptr) {
            told->push_back({Change::overflow, {}});
            partial_ = true;
            return;
        }
        if (is_folder) {
            enter(folder.fd(), **name, watched, told);
        }
    }
}

void Watcher::enter(int parent, const std::string& name, const Watched& above, Events* told)
{
    const Watched watched{below(above.path, name), below(above.real, name), above.depth + 1};
    if (!policy_.allows(watched.real, Access::read)) {
        return;
    }
    if (watched.depth >= depth_at_most || watched_.size() >= options_.folders_at_most) {
        partial_ = true;
        return;
    }
    // Watched before it is read: nothing can be made in between unseen.
    const UniqueFd held{
        ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!held && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        return; // Gone already.
    }
    if (!held || !add(held, watched)) {
        partial_ = true;
        return;
    }
    auto folder = Folder::open(held.get(), ".", watched.path, Mounts::entered);
    if (!folder) {
        partial_ = true;
        return;
    }
    add_tree(*folder, watched, told);
}

Result<std::vector<FileEvent>> Watcher::read()
{
    Events events;
    alignas(inotify_event) std::array<char, buffer_bytes> buffer{};
    // Once more if a move is half told: its other half comes right after it.
    for (int round = 0; round < 2 && (round == 0 || pending_); ++round) {
        const auto count = ::read(inotify_.get(), buffer.data(), buffer.size());
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return failure(
                "read events of", watched_.empty() ? "" : watched_.begin()->second.path, errno);
        }
        take({buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count)}, events);
    }
    settle_pending(events);
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
    int watch, std::uint32_t mask, std::uint32_t cookie, std::string name, Events& events)
{
    if ((mask & IN_Q_OVERFLOW) != 0) {
        events.push_back({Change::overflow, {}});
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
    const auto watched = found->second;
    if (name.empty()) {
        if (watch == root_) {
            handle_self(watched, mask, events);
        }
        return;
    }
    if (!only_.empty() && name != only_) {
        return;
    }
    const auto path = only_.empty() ? below(watched.path, name) : watched.path;
    const bool folder = (mask & IN_ISDIR) != 0;
    const bool paired = pending_ && (mask & IN_MOVED_TO) != 0 && pending_->cookie == cookie;
    if (paired) {
        events.push_back({Change::moved, pending_->path, path, folder});
        moved(pending_->path, path);
        pending_.reset();
        return;
    }
    settle_pending(events);
    if ((mask & IN_MOVED_FROM) != 0) {
        pending_ = Pending{cookie, path, folder};
    } else if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        events.push_back({Change::created, path, {}, folder});
        if (folder && options_.recursive == Recursive::yes && only_.empty()) {
            // By the name in the folder as it was: a descriptor of it is not kept.
            auto place = policy_.place(below(watched.real, name), Access::read, LastLink::kept);
            if (place && place->path == below(watched.real, name)) {
                enter(place->folder.get(), name, watched, &events);
            }
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
void Watcher::handle_self(const Watched& watched, std::uint32_t mask, Events& events)
{
    if ((mask & IN_DELETE_SELF) != 0) {
        events.push_back({Change::deleted, watched.path, {}, only_.empty()});
        ended_ = true;
    } else if ((mask & IN_MOVE_SELF) != 0) {
        events.push_back({Change::moved, watched.path, {}, only_.empty()});
        ended_ = true;
    } else if ((mask & IN_ATTRIB) != 0 && only_.empty()) {
        events.push_back({Change::attributes, watched.path, {}, true});
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

/// The paths of what is in a folder that moved.
void Watcher::moved(const std::string& from, const std::string& to)
{
    const auto root = watched_.find(root_);
    if (root == watched_.end()) {
        return; // No more events anyway.
    }
    const auto& top = root->second;
    for (auto& [watch, watched] : watched_) {
        if (watch != root_ && is_within(watched.path, from)) {
            watched.path = to + watched.path.substr(from.size());
            watched.real =
                below(top.real, watched.path.substr(top.path == "/" ? 1 : top.path.size() + 1));
        }
    }
}

void Watcher::forget(const std::string& path)
{
    std::erase_if(watched_, [this, &path](const auto& each) {
        const bool gone = each.first != root_ && is_within(each.second.path, path);
        if (gone) {
            ::inotify_rm_watch(inotify_.get(), each.first);
        }
        return gone;
    });
}

} // namespace guest::files
