#pragma once

#include "guest/files/entry.hpp"

#include <span>

namespace guest::files {

/// Bytes of a file: from `offset` on, all that there are or `length`.
struct Range {
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length{};
};

/// Reads a file from front to back with nothing kept: memory is the caller's buffer.
///
/// What comes is what the file had when it was opened, as far as nobody wrote to it meanwhile:
/// never more than its size then, and an error if it has become shorter. One that the kernel makes
/// up (/proc, /sys) ends where it ends, whatever its size was said to be. Opening waits for nobody
/// (a FIFO, a device or a socket is refused unopened); reading may, as every file system can.
class Reader {
public:
    /// Of a file whose size is not known before, not more than this is read.
    static constexpr std::uint64_t unsized_at_most = std::uint64_t{16} << 20U;

    /// `failed_precondition` with reason is_a_folder or not_a_file; `invalid_argument` with
    /// range_beyond_end if the offset is behind the last byte's end.
    static common::Result<Reader>
    open(const PathPolicy& policy, std::string_view path, Range range = {});
    /// The same of something found before.
    static common::Result<Reader> of(const Found& found, std::string_view path, Range range = {});

    /// As it was when it was opened; its path is the one asked for.
    [[nodiscard]] const Entry& entry() const noexcept { return entry_; }
    /// How many bytes there will be; nothing if only the end will tell.
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return length_; }

    /// The next bytes; 0 is the end, if `into` is not empty. `failed_precondition` with reason
    /// file_changed if it ends too early, `too_large` for an unsized one without end.
    common::Result<std::size_t> read(std::span<char> into);

    /// Whether it has been written to since it was opened; of what the kernel makes up, never.
    [[nodiscard]] bool changed() const;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const struct stat& status() const noexcept { return status_; }

private:
    Reader() = default;
    common::Result<> bound(Range range);
    common::Result<> check_bound() const;

    common::UniqueFd fd_;
    Entry entry_;
    struct stat status_ {};
    std::uint64_t at_ = 0;
    std::uint64_t left_ = 0;
    std::optional<std::uint64_t> length_;
    bool made_up_ = false;
    bool bounded_ = false; ///< By unsized_at_most, not by what was asked for.
};

/// Whether two looks at a file saw the same one with the same content.
bool is_same_content(const struct stat& a, const struct stat& b);

} // namespace guest::files
