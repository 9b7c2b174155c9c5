#pragma once

#include "common/clock.hpp"
#include "common/id.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace hostd::peers {

/// The files of this host's images, as other hosts read them: kept open for as long as they do.
/// One thread.
class SharedFiles {
public:
    /// The file with this digest of the image that was registered so; nothing if there is none. It
    /// may look at the disk.
    using FileOf = std::function<std::optional<std::filesystem::path>(
        const common::ImageId& registration, const std::string& digest)>;

    explicit SharedFiles(FileOf file_of) : file_of_{std::move(file_of)} {}

    /// As much as was asked for, no less. `not_found` (unknown_blob), `invalid_argument`
    /// (out_of_bounds).
    common::Result<std::string> read(const common::ImageId& registration,
                                     const std::string& digest,
                                     std::uint64_t offset,
                                     std::uint32_t size,
                                     common::SteadyTime now);
    /// Closes what nobody has read for a minute: it may have been removed.
    void close_idle(common::SteadyTime now);

private:
    using Key = std::pair<std::string, std::string>;
    struct Open {
        common::UniqueFd file;
        common::SteadyTime read;
    };
    common::Result<int> open(const Key& key, common::SteadyTime now);

    const FileOf file_of_;
    std::map<Key, Open> open_;
};

} // namespace hostd::peers
