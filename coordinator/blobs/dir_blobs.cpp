#include "coordinator/blobs/dir_blobs.hpp"

#include "common/digest/digest.hpp"
#include "common/files/durable.hpp"
#include "common/id.hpp"
#include "common/log/log.hpp"
#include "common/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <vector>

namespace coordinator::blobs {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
using common::files::file_error;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view draft_prefix = ".tmp-";

Error unknown_blob(const std::string& digest)
{
    return {ErrorCode::not_found,
            "there is no blob " + digest + " of yours; PUT /v1/images/blobs/" + digest +
                " uploads it",
            "unknown_blob"};
}

Result<> keep_free(const fs::path& folder, Bytes reserve)
{
    std::error_code error;
    const auto space = fs::space(folder, error);
    if (error) {
        return file_error("ask for free space of", "blob_dir", error.value());
    }
    if (space.available < reserve.count()) {
        return Error{ErrorCode::resource_exhausted,
                     fmt::format("the coordinator has {} MiB free for uploads, and keeps {} MiB: "
                                 "delete images, or lower blob_reserve_mb",
                                 Bytes{space.available}.mib(),
                                 reserve.mib()),
                     "disk_full"};
    }
    return {};
}

/// What is in a folder; what cannot be read is left to the next time.
std::vector<fs::directory_entry> entries_of(const fs::path& folder)
{
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (fs::directory_iterator at{folder, error}; !error && at != fs::directory_iterator{};
         at.increment(error)) {
        entries.push_back(*at);
    }
    return entries;
}

} // namespace

class DirBlobs::DirUpload final : public Upload {
public:
    DirUpload(const BlobSettings& settings,
              common::UniqueFd file,
              fs::path draft,
              fs::path target,
              std::string digest)
        : settings_{settings},
          file_{std::move(file)},
          draft_{std::move(draft)},
          target_{std::move(target)},
          digest_{std::move(digest)}
    {}
    ~DirUpload() override
    {
        if (!finished_) {
            std::error_code ignored; // The sweep finds it again.
            fs::remove(draft_, ignored);
        }
    }
    DirUpload(const DirUpload&) = delete;
    DirUpload& operator=(const DirUpload&) = delete;

    Result<> write(std::string_view piece) override
    {
        if (piece.size() > settings_.largest.count() - size_.count()) {
            return Error{
                ErrorCode::too_large,
                fmt::format("a blob has at most {} MiB (blob_max_mb)", settings_.largest.mib()),
                "blob_too_large"};
        }
        // Not for each piece: they are small, and asking is not for nothing.
        constexpr auto look_every = Bytes::mib(16);
        if (size_.count() >= next_look_) {
            next_look_ += look_every.count();
            COMMON_CHECK(keep_free(draft_.parent_path(), settings_.reserve + look_every));
        }
        hasher_.update(piece);
        size_ += Bytes{piece.size()};
        return common::files::write_all(file_.get(), piece, "an uploaded blob");
    }

    Result<Blob> finish() override
    {
        const auto digest = common::digest::to_hex(hasher_.finish());
        if (digest != digest_) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("what was uploaded has the sha256 {}, and not {}: nothing "
                                     "was kept",
                                     digest,
                                     digest_),
                         "digest_mismatch"};
        }
        if (size_ == Bytes{}) {
            return Error{ErrorCode::invalid_argument, "a blob is not empty", "empty_blob"};
        }
        if (::fsync(file_.get()) != 0) {
            return file_error("sync", "an uploaded blob", errno);
        }
        COMMON_CHECK(common::files::rename_durably(draft_, target_));
        finished_ = true;
        return Blob{digest_, size_};
    }

private:
    const BlobSettings& settings_;
    common::UniqueFd file_;
    const fs::path draft_;
    const fs::path target_;
    const std::string digest_;
    common::digest::Hasher hasher_;
    Bytes size_;
    std::uint64_t next_look_ = 0;
    bool finished_ = false;
};

DirBlobs::DirBlobs(BlobSettings settings)
    : settings_{std::move(settings)}, jobs_{settings_.reads_waiting}, worker_{[this] {
          while (auto job = jobs_.pop()) {
              (*job)();
          }
      }}
{}

DirBlobs::~DirBlobs()
{
    jobs_.close();
    worker_.join();
}

Result<fs::path> DirBlobs::file_of(const std::string& tenant, const std::string& digest) const
{
    if (!common::is_name(tenant) || !common::digest::sha256_from_hex(digest)) {
        return unknown_blob(digest);
    }
    return settings_.folder / tenant / digest;
}

Result<Blob> DirBlobs::find(const std::string& tenant, const std::string& digest)
{
    COMMON_TRY(const auto file, file_of(tenant, digest));
    struct stat about {};
    if (::lstat(file.c_str(), &about) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? unknown_blob(digest)
                                                   : file_error("look at", file.filename(), errno);
    }
    if (!S_ISREG(about.st_mode)) {
        return unknown_blob(digest);
    }
    if (::utimensat(AT_FDCWD, file.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? unknown_blob(digest) : file_error("touch", file.filename(), errno);
    }
    return Blob{digest, Bytes{static_cast<std::uint64_t>(about.st_size)}};
}

Result<std::unique_ptr<Blobs::Upload>> DirBlobs::begin(const std::string& tenant,
                                                       const std::string& digest)
{
    COMMON_TRY(auto target, file_of(tenant, digest));
    std::error_code error;
    const bool is_first = fs::create_directories(target.parent_path(), error);
    if (error) {
        return file_error("make a folder in", "blob_dir", error.value());
    }
    if (is_first) {
        COMMON_CHECK(common::files::sync_folder(settings_.folder));
    }
    COMMON_CHECK(keep_free(target.parent_path(), settings_.reserve));
    auto draft = target.parent_path() / (std::string{draft_prefix} + common::random_base32_80());
    common::UniqueFd file{::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file) {
        return file_error("create a file in", "blob_dir", errno);
    }
    return std::unique_ptr<Upload>{std::make_unique<DirUpload>(
        settings_, std::move(file), std::move(draft), std::move(target), digest)};
}

bool DirBlobs::read(const Key& blob, std::uint64_t offset, std::uint32_t size, const Read& done)
{
    return jobs_.push([this, blob, offset, size, done] { done(read_now(blob, offset, size)); });
}

Result<std::string>
DirBlobs::read_now(const Key& blob, std::uint64_t offset, std::uint32_t size) const
{
    COMMON_TRY(const auto path, file_of(blob.first, blob.second));
    const common::UniqueFd file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file) {
        return errno == ENOENT ? unknown_blob(blob.second)
                               : file_error("open", path.filename(), errno);
    }
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
        const auto count = ::pread(file.get(),
                                   bytes.data() + have,
                                   bytes.size() - have,
                                   static_cast<off_t>(offset + have));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return file_error("read", path.filename(), errno);
        }
        if (count == 0) {
            break;
        }
        have += static_cast<std::size_t>(count);
    }
    bytes.resize(have);
    return bytes;
}

void DirBlobs::sweep(std::set<Key> used)
{
    // One that does not find a place is followed by another.
    static_cast<void>(jobs_.push([this, used = std::move(used)] { sweep_now(used); }));
}

void DirBlobs::sweep_now(const std::set<Key>& used) const
{
    const auto old = std::chrono::system_clock::now() - settings_.kept_unused;
    for (const auto& tenant : entries_of(settings_.folder)) {
        for (const auto& file : entries_of(tenant.path())) {
            const auto name = file.path().filename().string();
            struct stat about {};
            const bool draft = name.starts_with(draft_prefix);
            const bool ours = draft || common::digest::sha256_from_hex(name).has_value();
            if (!ours || used.contains({tenant.path().filename().string(), name}) ||
                ::lstat(file.path().c_str(), &about) != 0 ||
                std::chrono::system_clock::from_time_t(about.st_mtime) >= old) {
                continue;
            }
            if (auto removed = common::files::remove_file(file.path()); removed) {
                spdlog::info("removed {}, which no image is made of", file.path().string());
            } else {
                spdlog::warn("{}", removed.error().message);
            }
        }
    }
}

} // namespace coordinator::blobs
