#include "guest/files/errors.hpp"
#include "guest/files/watcher.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/inotify.h>
#include <utility>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr std::uint32_t watched_events = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM |
                                         IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

} // namespace

std::string Watcher::below(const std::string& folder, const std::string& name)
{
    return (folder == "/" ? "" : folder) + "/" + name;
}

Result<int> Watcher::add(const UniqueFd& folder, const std::string& path)
{
    const int watch = ::inotify_add_watch(
        inotify_.get(), proc_path(folder).c_str(), watched_events | IN_ONLYDIR | IN_EXCL_UNLINK);
    if (watch < 0 && errno == ENOSPC) {
        return refusal(ErrorCode::resource_exhausted,
                       "watch",
                       path,
                       "no more inotify watches in this guest",
                       "no_resources");
    }
    if (watch < 0) {
        return failure("watch", path, errno);
    }
    if (watch != root_) {
        watched_[watch] = path;
    }
    return watch;
}

/// Watches the folders in one; tells of everything in it if it is new.
void Watcher::add_tree(Folder& folder, const std::string& path, Events* told)
{
    while (true) {
        auto name = folder.next();
        if (name && !*name) {
            return;
        }
        if (!name || names_left_ == 0) {
            partial_ = true;
            return;
        }
        --names_left_;
        const auto entry = entry_at(folder.fd(), **name, below(path, **name));
        if (!entry) {
            continue; // Gone already.
        }
        if (told != nullptr) {
            tell_new(*entry, *told);
        }
        if (entry->kind == Kind::folder) {
            enter(folder.fd(), **name, path, told);
        }
    }
}

void Watcher::enter(int parent, const std::string& name, const std::string& above, Events* told)
{
    const auto path = below(above, name);
    if (!policy_.allows(real_of(path), Access::read)) {
        return;
    }
    const auto depth = std::ranges::count(real_of(path).substr(root_real_.size()), '/');
    if (depth >= static_cast<std::ptrdiff_t>(depth_at_most) || path.size() >= PATH_MAX ||
        watched_.size() >= options_.folders_at_most) {
        partial_ = true;
        return;
    }
    // Watched before it is read: nothing can be made in between unseen.
    const UniqueFd held{
        ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!held && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        return; // Gone already.
    }
    const auto watch = held ? add(held, path) : failure("watch", path, errno);
    if (watch && *watch == root_) {
        return; // Mounted below itself.
    }
    if (!watch) {
        partial_ = true;
        return;
    }
    auto folder = Folder::open(held.get(), ".", path, Mounts::entered);
    if (!folder) {
        partial_ = true;
        return;
    }
    add_tree(*folder, path, told);
}

/// False if it is not where it was said to be.
bool Watcher::enter_new(const std::string& path, Events& events)
{
    // By the name in the folder as it was: a descriptor of it is not kept.
    const auto real = real_of(path);
    const auto place = policy_.place(real, Access::read, LastLink::kept);
    if (!place) {
        const auto reason = place.error().stable_reason();
        const bool gone = reason == "not_found" || reason == "not_a_folder";
        partial_ = partial_ || (!gone && reason != "path_not_allowed");
        return !gone;
    }
    struct stat there {};
    if (place->path != real ||
        ::fstatat(place->folder.get(), place->name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    enter(place->folder.get(), place->name, path.substr(0, path.rfind('/')), &events);
    return true;
}

/// By now it has been told where their folders are.
void Watcher::enter_missed(Events& events)
{
    for (const auto& [watch, name] : std::exchange(missed_, {})) {
        if (const auto above = watched_.find(watch); above != watched_.end()) {
            static_cast<void>(enter_new(below(above->second, name), events)); // Or it is gone.
        }
    }
}

/// Nothing is known any more of what folders there are and where, nor of what is watched itself.
void Watcher::look_again(Events& events)
{
    const auto root = policy_.find(root_real_, LastLink::kept);
    const bool gone = root ? root->status.st_dev != root_status_.st_dev ||
                                 root->status.st_ino != root_status_.st_ino
                           : root.error().stable_reason() == "not_found";
    if (gone) {
        events.push_back({Change::deleted, root_path_, {}, true});
        ended_ = true;
        return;
    }
    const auto before = std::exchange(watched_, {{root_, root_path_}});
    partial_ = !root;
    if (root && is_recursive()) {
        auto folder = Folder::open(root->fd.get(), ".", root_path_, Mounts::entered);
        partial_ = !folder;
        if (folder) {
            add_tree(*folder, root_path_, nullptr);
        }
    }
    for (const auto& [watch, path] : before) {
        if (!watched_.contains(watch)) {
            ::inotify_rm_watch(inotify_.get(), watch);
        }
    }
}

/// The paths of what is in a folder that moved.
void Watcher::moved(const std::string& from, const std::string& to, Events& events)
{
    if (!policy_.allows(real_of(to), Access::read)) {
        forget(from);
        return;
    }
    bool known = false;
    for (auto& [watch, path] : watched_) {
        if (watch != root_ && is_within(path, from)) {
            path = to + path.substr(from.size());
            known = known || path == to;
        }
    }
    partial_ =
        forget_if([](const std::string& path) { return path.size() >= PATH_MAX; }) || partial_;
    if (!known) { // It moved before it could be entered.
        static_cast<void>(enter_new(to, events));
    }
}

/// What is in a folder.
void Watcher::forget(const std::string& folder)
{
    static_cast<void>(
        forget_if([&folder](const std::string& path) { return is_within(path, folder); }));
}

/// Whether there was any.
bool Watcher::forget_if(const std::function<bool(const std::string& path)>& unwanted)
{
    const auto forgotten = std::erase_if(watched_, [this, &unwanted](const auto& each) {
        const bool gone = each.first != root_ && unwanted(each.second);
        if (gone) {
            ::inotify_rm_watch(inotify_.get(), each.first);
        }
        return gone;
    });
    return forgotten != 0;
}

std::string Watcher::real_of(const std::string& path) const
{
    const auto rest = path.substr(root_path_ == "/" ? 0 : root_path_.size());
    return root_real_ == "/" ? rest : root_real_ + rest;
}

bool Watcher::is_recursive() const
{
    return options_.recursive == Recursive::yes && only_.empty();
}

} // namespace guest::files
