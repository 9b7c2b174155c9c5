#pragma once

#include "guest/files/folder.hpp"
#include "guest/files/folders.hpp"

#include <map>

namespace guest::files {

enum class Change { created, modified, deleted, moved, attributes, overflow };

std::string_view to_string(Change change) noexcept;

struct FileEvent {
    Change change = Change::modified;
    std::string path; ///< Empty for overflow: anything may have happened since.
    std::string to{}; ///< Of a move; empty if what was watched itself moved away.
    bool folder = false;
};

struct WatchOptions {
    Recursive recursive = Recursive::no;
    std::size_t folders_at_most = 4096;
};

/// Tells what happens to a file, or to what is in a folder, from inotify(7). A file is watched by
/// its name: also when it is replaced, or made only later. A move into or out of what is watched
/// is `created` or `deleted`. What was made in a new folder before that was watched is told as
/// `created`, some of it twice. No symbolic link in the tree is followed. One thread.
class Watcher {
public:
    /// Each event's path begins with the one given here. `not_found`, also if the folder around a
    /// file is missing.
    static common::Result<Watcher>
    open(const PathPolicy& policy, std::string_view path, const WatchOptions& options);

    /// Readable (poll(2)) when read() has something to tell.
    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }

    /// What has happened; never waits. A few hundred events at a time, maybe none.
    common::Result<std::vector<FileEvent>> read();

    /// Some folders are not watched: too many, too deep, or not readable.
    [[nodiscard]] bool partial() const noexcept { return partial_; }
    /// What was watched is gone; there will be no more events.
    [[nodiscard]] bool ended() const noexcept { return ended_; }

private:
    struct Watched {
        std::string path; ///< As it is told.
        std::string real; ///< As the rules know it.
        unsigned depth = 0;
    };
    struct Pending {
        std::uint32_t cookie = 0;
        std::string path;
        bool folder = false;
    };
    using Events = std::vector<FileEvent>;

    Watcher(const PathPolicy& policy, const WatchOptions& options)
        : policy_{policy}, options_{options}
    {}
    common::Result<int> add(const common::UniqueFd& folder, Watched watched);
    void add_tree(Folder& folder, const Watched& watched, Events* told);
    void enter(int parent, const std::string& name, const Watched& above, Events* told);
    void take(std::string_view buffer, Events& events);
    void
    handle(int watch, std::uint32_t mask, std::uint32_t cookie, std::string name, Events& events);
    void handle_self(const Watched& watched, std::uint32_t mask, Events& events);
    void settle_pending(Events& events);
    void moved(const std::string& from, const std::string& to);
    void forget(const std::string& path);

    PathPolicy policy_;
    WatchOptions options_;
    common::UniqueFd inotify_;
    std::string only_; ///< The one name that counts, if a file is watched.
    int root_ = -1;
    std::map<int, Watched> watched_;
    std::optional<Pending> pending_; ///< The first half of a move.
    bool partial_ = false;
    bool ended_ = false;
};

} // namespace guest::files
