#pragma once

#include "guest/files/path_policy.hpp"

#include <dirent.h>
#include <memory>
#include <optional>

namespace guest::files {

/// Whether what is mounted on a folder is entered, too.
enum class Mounts { entered, refused };

/// How deep a tree may be: each level costs a descriptor and a stack frame.
constexpr unsigned depth_at_most = 128;

/// A folder open for reading its names, one at a time.
class Folder {
public:
    /// `name` in `parent`, through no symbolic link. `path` is for errors: `failed_precondition`
    /// with reason not_a_folder for anything else, or mount_point.
    static common::Result<Folder>
    open(int parent, const std::string& name, const std::string& path, Mounts mounts);

    /// Makes `name` in `parent`, 0700, and opens it. `failed_precondition`, reason file_changed, if
    /// another one is there by then: whoever may write to `parent` can put a folder in its place
    /// that nobody but the one who acts may change. One without anything in it is as good as new.
    static common::Result<Folder>
    make(int parent, const std::string& name, const std::string& path);

    [[nodiscard]] int fd() const noexcept { return ::dirfd(stream_.get()); }

    /// The next name but "." and "..", in the file system's order; nothing at the end.
    common::Result<std::optional<std::string>> next();
    void rewind() noexcept { ::rewinddir(stream_.get()); }

private:
    struct Close {
        void operator()(DIR* stream) const noexcept { ::closedir(stream); }
    };
    static common::Result<Folder>
    open_new(int parent, const std::string& name, const std::string& path, const timespec& before);
    Folder(DIR* stream, std::string path) : stream_{stream}, path_{std::move(path)} {}

    std::unique_ptr<DIR, Close> stream_;
    std::string path_;
};

} // namespace guest::files
