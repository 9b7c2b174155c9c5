#pragma once

#include "cli/console.hpp"
#include "cli/context.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// Files here, as transfers read and write them.
namespace cli {

/// What is sent: a regular file, or stdin ("-") of unknown size.
class LocalSource {
public:
    static common::Result<LocalSource> open(const std::string& path);

    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept { return size_; }
    [[nodiscard]] std::optional<unsigned> mode() const noexcept { return mode_; }
    /// The next bytes, "" at the end; nothing on failure, as when it has become shorter.
    std::optional<std::string> read(std::size_t most);
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    LocalSource() = default;

    common::UniqueFd fd_;
    std::string path_;
    std::optional<std::uint64_t> size_;
    std::optional<unsigned> mode_;
    std::uint64_t had_ = 0;
    std::string failure_;
};

/// What is received: beside its name until all of it is there, or stdout ("-") at once.
class LocalTarget {
public:
    /// `keep`: refused if there is one already.
    static common::Result<LocalTarget> open(const std::string& path, bool keep);
    LocalTarget(LocalTarget&&) noexcept;
    LocalTarget& operator=(LocalTarget&&) = delete;
    /// Without finish() nothing is left of it.
    ~LocalTarget();

    /// False on failure.
    bool write(std::string_view piece);
    /// `mode`: octal, its permissions here within the umask; "" is none.
    common::Result<> finish(const std::string& mode);
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

private:
    LocalTarget() = default;

    common::UniqueFd fd_;
    std::string path_;
    std::string temporary_; ///< "": it is stdout, or has its name.
    bool keep_ = false;
    std::uint64_t size_ = 0;
    std::string failure_;
};

/// A folder of this user's alone, gone at the end.
class PrivateFolder {
public:
    static common::Result<std::unique_ptr<PrivateFolder>> make();
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    explicit PrivateFolder(std::string path) : path_{std::move(path)} {}
    std::string path_;
};

/// SHA-256, hex.
common::Result<std::string> digest_of(const std::string& path);

/// How far a transfer is, where somebody watches and it takes more than a moment.
class Progress {
public:
    Progress(const Console& console, std::string name, std::optional<std::uint64_t> size)
        : console_{console}, name_{std::move(name)}, size_{size}
    {}
    void add(std::size_t bytes);
    void end();

private:
    void show() const;

    const Console& console_;
    std::string name_;
    std::optional<std::uint64_t> size_;
    std::uint64_t had_ = 0;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_ = begun_;
    bool visible_ = false;
};

/// PUTs it, with progress under this name; the reply.
common::Result<std::string>
upload(Context& context, const std::string& target, LocalSource& source, const std::string& name);

/// "syslog 12 MiB of 40 MiB, 31%, 8 MiB/s"
std::string progress_text(const std::string& name,
                          std::uint64_t had,
                          std::optional<std::uint64_t> size,
                          std::chrono::milliseconds took);

} // namespace cli
