#pragma once

#include "common/result.hpp"
#include "coordinator/core/model.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator {

enum class FileAction {
    exists,
    list,
    lines, ///< Some lines of a text.
    hash,
    edit,
    mkdir,
    move,
    copy,
    remove,
    // These have functions of their own:
    read,
    write,
    watch,
};
std::string_view to_string(FileAction action) noexcept; ///< "mkdir"
/// It may leave the guest's files other than they were: audited, with its intent first.
bool changes_files(FileAction action) noexcept;

/// What is wanted of a sandbox's files. Paths are absolute, bytes but no NUL; the guest's agent
/// resolves them, as `user`.
struct FileRequest {
    FileAction action = FileAction::exists;
    std::string user = "sandbox";
    std::string path;
    std::string to; ///< Of move and copy.
    bool recursive = false;
    bool overwrite = false;
    bool append = false;
    bool parents = false; ///< Of write and mkdir: made where they are missing.
    std::uint32_t depth = 1;
    std::uint64_t limit = 0; ///< Entries, or lines; 0: what the agent gives at most.
    std::uint64_t from = 0;  ///< Of read the first byte, of lines the first line.
    std::uint64_t until = 0; ///< Of lines the last one; 0: no end.
    /// Of read: so many bytes, from `from` or, with from_end, the last ones.
    std::optional<std::uint64_t> length{};
    bool from_end = false;
    std::optional<unsigned> mode{}; ///< Permissions.
    std::string sha256{};           ///< Of write: hex, that the content must have.
    std::string owner{};            ///< Of write: a user of the guest's; "": as it was, or `user`.
    // Of edit:
    std::string old_text{};
    std::string new_text{};
    bool all = false; ///< Every occurrence, else there must be one.
};

/// A guest's word: hostile.
struct FileInfo {
    std::string path;
    std::string kind; ///< file | folder | symlink | fifo | socket | char_device | block_device
    unsigned mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;
    common::WallTime modified;
    std::uint64_t modified_ns = 0; ///< The same, exact.
    std::string target;            ///< Of a symbolic link.
};

struct FileAnswer {
    std::vector<FileInfo> entries; ///< Of list; else what it is about, if there is anything.
    bool truncated = false;
    std::uint64_t unreadable = 0; ///< Folders that could not be entered.
    bool created = false;
    bool was_folder = false;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;   ///< Entries, or replacements.
    std::uint64_t skipped = 0; ///< Of copy: neither files, folders nor links.
    std::string sha256;
    std::string text; ///< Lines, or a diff.
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::optional<std::uint64_t> total; ///< Lines of the file, if counted.
};

/// What comes from a guest as it is taken, in one direction, without end in memory. on_news()
/// and its callback: any thread; everything else one thread.
class FileStream {
public:
    virtual ~FileStream() = default;
    /// Called whenever there may be something to take, and at once if there is.
    virtual void on_news(std::function<void()> news) = 0;
    /// Up to about `size` bytes; "" if nothing is there now.
    virtual std::string take(std::size_t size) = 0;
    [[nodiscard]] virtual bool ended() const = 0;
    /// It ended before its end.
    [[nodiscard]] virtual bool failed() const = 0;
    /// Nobody takes any more.
    virtual void close() = 0;
};

struct FileDownload {
    FileInfo info;
    std::uint64_t from = 0;
    std::optional<std::uint64_t> length; ///< Of what follows, if it is known.
    std::shared_ptr<FileStream> bytes;
};

/// The new content of a file, which is there as a whole after finish() or not at all. One thread;
/// blocks while the guest does not take more. To drop it is to give it up.
class FileUpload {
public:
    virtual ~FileUpload() = default;
    /// An error is the guest's own word, or that there is none.
    virtual common::Result<> write(std::string_view bytes) = 0;
    virtual common::Result<FileAnswer> finish() = 0;
};

struct FileChange {
    std::string change; ///< created | modified | deleted | moved | attributes | overflow
    std::string path;
    std::string to; ///< Of a move.
    bool folder = false;
    bool partial = false; ///< Not all folders are watched.
};

/// What happens to a guest's files. Threads as FileStream.
class FileWatch {
public:
    virtual ~FileWatch() = default;
    virtual void on_news(std::function<void()> news) = 0;
    virtual std::optional<FileChange> take() = 0;
    [[nodiscard]] virtual bool ended() const = 0;
    virtual void close() = 0;
};

/// Files in sandboxes, through their agents; a sleeping sandbox is woken. Each call blocks until
/// its reply is due and may come from any thread. Errors as of Service::run, `no_live_exec` and
/// agent_too_old where the agent cannot, and those of guest/files, with its reasons.
class GuestFiles {
public:
    virtual ~GuestFiles() = default;
    virtual common::Result<FileAnswer>
    ask(const Caller& caller, const common::SandboxId& id, const FileRequest& request) = 0;
    virtual common::Result<FileDownload>
    read(const Caller& caller, const common::SandboxId& id, const FileRequest& request) = 0;
    virtual common::Result<std::unique_ptr<FileUpload>>
    write(const Caller& caller, const common::SandboxId& id, const FileRequest& request) = 0;
    virtual common::Result<std::unique_ptr<FileWatch>>
    watch(const Caller& caller, const common::SandboxId& id, const FileRequest& request) = 0;
};

} // namespace coordinator
