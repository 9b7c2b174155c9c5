#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace hostd::storage {

/// What a file was like when it was digested: if none of it changed, neither did the file.
struct FileStamp {
    std::string digest; ///< sha256 hex; "" where there is no such file.
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// Inode, size and time of a file; the digest is left empty.
common::Result<FileStamp> stamp_of(const std::filesystem::path& file);

/// Compares files with their stamps, and digests those that look different. Any thread.
class StampCheck {
public:
    using Digest = std::function<common::Result<std::string>(const std::filesystem::path&)>;
    enum class Verdict {
        same,    ///< It looks as it did.
        renewed, ///< It was touched and has the same content; `known` says how it looks now.
        changed
    };

    explicit StampCheck(Digest digest) : digest_{std::move(digest)} {}

    common::Result<Verdict> check(const std::filesystem::path& file, FileStamp& known);

private:
    Digest digest_;
    std::mutex mutex_;
    /// How a file looked whose digest was wrong: it is not digested again until it looks different.
    std::map<std::filesystem::path, FileStamp> damaged_;
};

} // namespace hostd::storage
