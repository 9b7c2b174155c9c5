#pragma once

#include "guest/files/entry.hpp"
#include "guest/files/folder.hpp"
#include "guest/files/folders.hpp"

#include <functional>
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
///
/// Bounded whatever the guest does: in folders watched, in names looked at for them, and in what
/// one read() tells. What was not told is one `overflow`; the folders are found again by
/// themselves.
class Watcher {
public:
    /// Each event's path begins with the one given here. `not_found`, also if the folder around a
    /// file is missing.
    static common::Result<Watcher>
    open(const PathPolicy& policy, std::string_view path, const WatchOptions& options);

    /// Readable (poll(2)) when read() has something to tell.
    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }

    /// What has happened; never waits. Some thousand events at most, maybe none; of overflows, one.
    common::Result<std::vector<FileEvent>> read();

    /// Some folders are not watched: too many, too deep, with too long a path, or not readable.
    [[nodiscard]] bool partial() const noexcept { return partial_; }
    /// What was watched is gone; there will be no more events.
    [[nodiscard]] bool ended() const noexcept { return ended_; }

private:
    struct Pending {
        std::uint32_t cookie = 0;
        std::string path;
        bool folder = false;
    };
    using Events = std::vector<FileEvent>;

    Watcher(const PathPolicy& policy, const WatchOptions& options)
        : policy_{policy}, options_{options}
    {}
    static constexpr std::uint64_t names_at_most = 1'000'000; ///< Looked at, to find the folders.

    static std::string below(const std::string& folder, const std::string& name);
    common::Result<int> add(const common::UniqueFd& folder, const std::string& path);
    void add_tree(Folder& folder, const std::string& path, Events* told);
    void enter(int parent, const std::string& name, const std::string& above, Events* told);
    [[nodiscard]] bool enter_new(const std::string& path, Events& events);
    void enter_missed(Events& events);
    void tell_new(const Entry& entry, Events& events);
    void tell_overflow(Events& events);
    void look_again(Events& events);
    void take(std::string_view buffer, Events& events);
    void handle(int watch,
                std::uint32_t mask,
                std::uint32_t cookie,
                const std::string& name,
                Events& events);
    void handle_named(int watch,
                      std::uint32_t mask,
                      std::uint32_t cookie,
                      const std::string& name,
                      Events& events);
    void handle_self(std::uint32_t mask, Events& events);
    void settle_pending(Events& events);
    void moved(const std::string& from, const std::string& to, Events& events);
    void forget(const std::string& folder);
    bool forget_if(const std::function<bool(const std::string& path)>& unwanted);
    [[nodiscard]] std::string real_of(const std::string& path) const;
    [[nodiscard]] bool is_recursive() const;

    PathPolicy policy_;
    WatchOptions options_;
    common::UniqueFd inotify_;
    std::string only_;      ///< The one name that counts, if a file is watched.
    std::string root_path_; ///< What is watched, as it is told.
    std::string root_real_; ///< As the rules know it.
    struct stat root_status_ {};
    int root_ = -1;
    std::map<int, std::string> watched_;              ///< Paths, as they are told.
    std::vector<std::pair<int, std::string>> missed_; ///< New folders that had moved already.
    std::uint64_t names_left_ = 0;   ///< To be looked at before somebody else has a turn.
    std::size_t told_bytes_ = 0;     ///< Of new folders' content, in this read().
    std::size_t told_ = 0;           ///< The same, in events.
    bool overflow_told_ = false;     ///< In this read().
    std::optional<Pending> pending_; ///< The first half of a move.
    bool partial_ = false;
    bool ended_ = false;
};

} // namespace guest::files
