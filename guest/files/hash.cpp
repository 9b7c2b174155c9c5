#include "guest/files/hash.hpp"

#include "guest/files/errors.hpp"

namespace guest::files {

using common::Result;

Result<FileHash> hash(const PathPolicy& policy, std::string_view path, std::uint64_t bytes_at_most)
{
    COMMON_TRY(auto reader, Reader::open(policy, path));
    if (reader.length().value_or(0) > bytes_at_most) {
        return refusal(common::ErrorCode::too_large,
                       "hash",
                       path,
                       "more than " + std::to_string(bytes_at_most) + " bytes",
                       "too_large");
    }
    common::digest::Hasher hasher;
    FileHash result;
    std::vector<char> piece(std::size_t{1} << 18U);
    while (true) {
        COMMON_TRY(const auto count, reader.read(piece));
        if (count == 0) {
            break;
        }
        hasher.update({piece.data(), count});
        result.size += count;
    }
    if (reader.changed()) {
        return refusal(common::ErrorCode::failed_precondition,
                       "hash",
                       path,
                       "it was written to meanwhile",
                       "file_changed");
    }
    result.sha256 = hasher.finish();
    return result;
}

} // namespace guest::files
