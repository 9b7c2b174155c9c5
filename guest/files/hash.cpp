#include "guest/files/hash.hpp"

#include "guest/files/errors.hpp"

namespace guest::files {

using common::Result;

Result<FileHash> hash(const PathPolicy& policy, std::string_view path)
{
    COMMON_TRY(auto reader, Reader::open(policy, path));
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
    if (reader.length() && reader.changed()) {
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
