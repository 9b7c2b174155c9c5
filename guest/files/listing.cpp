#include "guest/files/listing.hpp"

#include "guest/files/errors.hpp"
#include "guest/files/folder.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

namespace guest::files {

using common::ErrorCode;
using common::Result;

namespace {

constexpr unsigned deepest_list = 32;
constexpr std::uint64_t names_at_most = 2'000'000; ///< Looked at, to find the first ones.
constexpr std::size_t listed_bytes_at_most = std::size_t{32}
                                             << 20U; ///< Of paths and links' targets.

class TreeListing {
public:
    TreeListing(const PathPolicy& policy, const ListOptions& options)
        : policy_{policy}, at_most_{options.entries_at_most}
    {}

    /// `path` is the one to be shown, `real` the one that the rules are about.
    Result<> add(Folder& folder, const std::string& path, const std::string& real, unsigned depth)
    {
        COMMON_TRY(auto names, first_names(folder));
        waiting_ += names.size();
        bool closed = false;
        for (const auto& name : names) {
            --waiting_;
            if (bytes_ > listed_bytes_at_most) {
                listing_.truncated = true;
                continue;
            }
            const auto slashed = [&name](const std::string& above) {
                return (above == "/" ? "" : above) + "/" + name;
            };
            auto entry = entry_at(folder.fd(), name, slashed(path));
            if (!entry) { // Gone since its name was read; or the folder shows its names alone.
                closed = closed || entry.error().stable_reason() == "permission_denied";
                continue;
            }
            bytes_ += entry->path.size() + entry->target.size();
            const bool enter = entry->kind == Kind::folder && depth > 1 &&
                               policy_.allows(slashed(real), Access::read);
            listing_.entries.push_back(*std::move(entry));
            if (enter) {
                COMMON_CHECK(
                    enter_folder(folder.fd(), name, slashed(path), slashed(real), depth - 1));
            }
        }
        listing_.unreadable += closed ? 1 : 0;
        return {};
    }

    Listing take() { return std::move(listing_); }

private:
    Result<> enter_folder(int parent,
                          const std::string& name,
                          const std::string& path,
                          const std::string& real,
                          unsigned depth)
    {
        auto below = Folder::open(parent, name, path, Mounts::entered);
        if (below) {
            return add(*below, path, real, depth);
        }
        const auto reason = below.error().stable_reason();
        if (reason == "permission_denied") {
            ++listing_.unreadable;
        }
        const bool ignored = reason == "permission_denied" || reason == "not_found" ||
                             reason == "not_a_folder"; // The latter two: swapped meanwhile.
        return ignored ? Result<>{} : Result<>{std::move(below).error()};
    }

    /// What there is still room for, besides those that wait in the folders above.
    Result<std::set<std::string>> first_names(Folder& folder)
    {
        std::set<std::string> names;
        const auto room = at_most_ - std::min(at_most_, listing_.entries.size() + waiting_);
        while (true) {
            COMMON_TRY(auto name, folder.next());
            if (!name) {
                return names;
            }
            if (++seen_ > names_at_most) {
                listing_.truncated = true;
                return names;
            }
            names.insert(*std::move(name));
            if (names.size() > room) {
                names.erase(std::prev(names.end()));
                listing_.truncated = true;
            }
        }
    }

    const PathPolicy& policy_;
    std::size_t at_most_;
    std::size_t waiting_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t seen_ = 0;
    Listing listing_;
};

} // namespace

Result<Listing> list(const PathPolicy& policy, std::string_view path, const ListOptions& options)
{
    if (options.depth == 0 || options.depth > deepest_list) {
        return refusal(ErrorCode::invalid_argument,
                       "list",
                       path,
                       "depth is not from 1 to " + std::to_string(deepest_list),
                       "invalid");
    }
    COMMON_TRY(const auto shown, normal_path(path));
    COMMON_TRY(const auto found, policy.find(path, LastLink::followed));
    if (!S_ISDIR(found.status.st_mode)) {
        return failure("list", path, ENOTDIR);
    }
    COMMON_TRY(auto folder, Folder::open(found.fd.get(), ".", shown, Mounts::entered));
    TreeListing listing{policy, options};
    COMMON_CHECK(listing.add(folder, shown, found.path, options.depth));
    return listing.take();
}

} // namespace guest::files
