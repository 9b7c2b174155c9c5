#pragma once

#include "common/mailbox.hpp"
#include "coordinator/core/blobs.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

namespace coordinator::blobs {

struct BlobSettings {
    std::filesystem::path folder;                     ///< Made when the first one comes.
    common::Bytes largest = common::Bytes::gib(64);   ///< Of one file.
    common::Bytes reserve = common::Bytes::mib(1024); ///< Left free on the file system.
    std::chrono::seconds kept_unused{std::chrono::hours{24}};
    std::size_t reads_waiting = 1024;
};

/// Blobs in a folder: <tenant>/<sha256>, made as <tenant>/.tmp-… and renamed. Several coordinators
/// may share it.
class DirBlobs final : public Blobs {
public:
    explicit DirBlobs(BlobSettings settings);
    ~DirBlobs() override;
    DirBlobs(const DirBlobs&) = delete;
    DirBlobs& operator=(const DirBlobs&) = delete;

    common::Result<Blob> find(const std::string& tenant, const std::string& digest) override;
    common::Result<std::unique_ptr<Upload>> begin(const std::string& tenant,
                                                  const std::string& digest) override;
    bool read(const Key& blob, std::uint64_t offset, std::uint32_t size, const Read& done) override;
    void sweep(std::set<Key> used) override;

private:
    class DirUpload;

    [[nodiscard]] common::Result<std::filesystem::path> file_of(const std::string& tenant,
                                                                const std::string& digest) const;
    [[nodiscard]] common::Result<std::string>
    read_now(const Key& blob, std::uint64_t offset, std::uint32_t size) const;
    void sweep_now(const std::set<Key>& used) const;

    const BlobSettings settings_;
    common::Mailbox<std::function<void()>> jobs_;
    std::thread worker_;
};

} // namespace coordinator::blobs
