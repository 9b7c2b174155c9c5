#pragma once

#include "coordinator/core/blobs.hpp"

#include <map>
#include <mutex>

namespace test_support {

/// Blobs in memory. Their digest is what they were said to have: nothing is digested.
class FakeBlobs final : public coordinator::Blobs {
public:
    using Blob = coordinator::Blob;

    void put(const std::string& tenant, const std::string& digest, std::string bytes)
    {
        const std::scoped_lock lock{mutex_};
        blobs_[{tenant, digest}] = std::move(bytes);
    }
    [[nodiscard]] std::set<Key> swept_but() const
    {
        const std::scoped_lock lock{mutex_};
        return kept_;
    }

    common::Result<Blob> find(const std::string& tenant, const std::string& digest) override
    {
        const std::scoped_lock lock{mutex_};
        const auto found = blobs_.find({tenant, digest});
        if (found == blobs_.end()) {
            return common::Error{
                common::ErrorCode::not_found, "there is no blob " + digest, "unknown_blob"};
        }
        return Blob{digest, common::Bytes{found->second.size()}};
    }
    common::Result<std::unique_ptr<Upload>> begin(const std::string& tenant,
                                                  const std::string& digest) override
    {
        return std::unique_ptr<Upload>{std::make_unique<FakeUpload>(*this, Key{tenant, digest})};
    }
    bool read(const Key& blob, std::uint64_t offset, std::uint32_t size, const Read& done) override
    {
        std::string bytes;
        {
            const std::scoped_lock lock{mutex_};
            bytes = blobs_.at(blob).substr(offset, size);
        }
        done(std::move(bytes));
        return true;
    }
    void sweep(std::set<Key> used) override
    {
        const std::scoped_lock lock{mutex_};
        kept_ = std::move(used);
    }

private:
    class FakeUpload final : public Upload {
    public:
        FakeUpload(FakeBlobs& blobs, Key key) : blobs_{blobs}, key_{std::move(key)} {}
        common::Result<> write(std::string_view piece) override
        {
            bytes_ += piece;
            return {};
        }
        common::Result<Blob> finish() override
        {
            blobs_.put(key_.first, key_.second, bytes_);
            return Blob{key_.second, common::Bytes{bytes_.size()}};
        }

    private:
        FakeBlobs& blobs_;
        const Key key_;
        std::string bytes_;
    };

    mutable std::mutex mutex_;
    std::map<Key, std::string> blobs_;
    std::set<Key> kept_;
};

} // namespace test_support
