#pragma once

#include "common/id.hpp"
#include "common/mutex.hpp"
#include "common/result.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace coordinator::link {

/// The host that each public key (Z85) is enrolled for.
using EnrolledKeys = std::map<std::string, common::HostName>;

/// The enrolment file: which host a CURVE key belongs to, one "<name> <public key>" a
/// line, # begins a comment. Read again when it changes, so that a host is enrolled or
/// dismissed without a restart; while the new text is wrong the old one counts. Any thread.
class Enrolment {
public:
    explicit Enrolment(std::filesystem::path file) : file_{std::move(file)} {}

    /// `not_found`, or `invalid_argument` with the line.
    common::Result<> load() EXCLUDES(mutex_);

    /// The host that a key (Z85) is enrolled for; nothing if it is not.
    std::optional<common::HostName> host_of(const std::string& public_key) EXCLUDES(mutex_);
    /// All of them: one and the same object until the file changes. Never null.
    std::shared_ptr<const EnrolledKeys> keys() EXCLUDES(mutex_);

private:
    /// Tells one text of the file from the next, also when both are of one clock tick: what
    /// is put in its place has another inode.
    struct Stamp {
        std::int64_t changed_ns = 0;
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    [[nodiscard]] std::optional<Stamp> stamp() const;
    void refresh() EXCLUDES(mutex_);

    const std::filesystem::path file_;
    common::Mutex mutex_;
    std::optional<Stamp> read_ GUARDED_BY(mutex_);
    std::shared_ptr<const EnrolledKeys> keys_ GUARDED_BY(mutex_) = std::make_shared<EnrolledKeys>();
};

/// Adds a host, or gives it another key, atomically. `already_exists` if the key is
/// enrolled for another host.
common::Result<> enrol(const std::filesystem::path& file,
                       const common::HostName& name,
                       const std::string& public_key);

/// Likewise all that another such file names, at once; how many that is. `not_found`, or
/// `invalid_argument` with the line.
common::Result<std::size_t> enrol_all(const std::filesystem::path& file,
                                      const std::filesystem::path& list);

} // namespace coordinator::link
