#pragma once

#include "coordinator/core/guest_files.hpp"

#include <map>
#include <mutex>

namespace test_support {

/// Files that are a map; what is asked of them is kept.
class FakeGuestFiles final : public coordinator::GuestFiles {
public:
    common::Result<coordinator::FileAnswer> ask(const coordinator::Caller&,
                                                const common::SandboxId&,
                                                const coordinator::FileRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        return answer;
    }
    common::Result<coordinator::FileDownload> read(const coordinator::Caller&,
                                                   const common::SandboxId&,
                                                   const coordinator::FileRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        const auto bytes = content[request.path];
        coordinator::FileInfo info;
        info.path = request.path;
        info.kind = "file";
        info.mode = 0640;
        info.size = bytes.size();
        auto from = request.from;
        if (request.from_end) {
            from = bytes.size() - std::min<std::uint64_t>(bytes.size(), *request.length);
        }
        auto part = bytes.substr(from, request.length.value_or(bytes.size()));
        std::optional<std::uint64_t> length{part.size()};
        if (hides_length) {
            length.reset();
        }
        return coordinator::FileDownload{
            info, from, length, std::make_shared<Bytes>(std::move(part), cuts_at)};
    }
    common::Result<std::unique_ptr<coordinator::FileUpload>>
    write(const coordinator::Caller&,
          const common::SandboxId&,
          const coordinator::FileRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        return std::unique_ptr<coordinator::FileUpload>{
            std::make_unique<Upload>(*this, request.path)};
    }
    common::Result<std::unique_ptr<coordinator::FileWatch>>
    watch(const coordinator::Caller&,
          const common::SandboxId&,
          const coordinator::FileRequest& request) override
    {
        const std::scoped_lock lock{mutex};
        asked.push_back(request);
        if (refusal) {
            return *refusal;
        }
        return std::unique_ptr<coordinator::FileWatch>{std::make_unique<Watch>(changes)};
    }

    std::mutex mutex;
    std::vector<coordinator::FileRequest> asked;
    std::optional<common::Error> refusal;
    coordinator::FileAnswer answer;
    std::map<std::string, std::string> content;
    std::vector<coordinator::FileChange> changes;
    bool hides_length = false;
    std::size_t cuts_at = SIZE_MAX;    ///< Downloads end there, as failed.
    std::size_t refuses_at = SIZE_MAX; ///< Uploads are refused there.
    std::size_t given_up = 0;

private:
    class Bytes final : public coordinator::FileStream {
    public:
        Bytes(std::string bytes, std::size_t cuts_at) : bytes_{std::move(bytes)}, left_{cuts_at} {}
        void on_news(std::function<void()> news) override { news(); }
        std::string take(std::size_t size) override
        {
            const auto part = bytes_.substr(0, std::min(size, left_));
            bytes_.erase(0, part.size());
            left_ -= part.size();
            return part;
        }
        [[nodiscard]] bool ended() const override { return bytes_.empty() || left_ == 0; }
        [[nodiscard]] bool failed() const override { return !bytes_.empty(); }
        void close() override {}

    private:
        std::string bytes_;
        std::size_t left_;
    };
    class Upload final : public coordinator::FileUpload {
    public:
        Upload(FakeGuestFiles& files, std::string path) : files_{files}, path_{std::move(path)} {}
        ~Upload() override { files_.given_up += finished_ ? 0 : 1; }
        common::Result<> write(std::string_view bytes) override
        {
            bytes_ += bytes;
            if (bytes_.size() > files_.refuses_at) {
                return common::Error{
                    common::ErrorCode::failed_precondition, "no space left", "disk_full"};
            }
            return {};
        }
        common::Result<coordinator::FileAnswer> finish() override
        {
            const std::scoped_lock lock{files_.mutex};
            finished_ = true;
            coordinator::FileAnswer answer;
            answer.bytes = bytes_.size();
            answer.created = !files_.content.contains(path_);
            files_.content[path_] = std::move(bytes_);
            return answer;
        }

    private:
        FakeGuestFiles& files_;
        std::string path_;
        std::string bytes_;
        bool finished_ = false;
    };
    class Watch final : public coordinator::FileWatch {
    public:
        explicit Watch(std::vector<coordinator::FileChange> changes) : changes_{std::move(changes)}
        {}
        void on_news(std::function<void()> news) override { news(); }
        std::optional<coordinator::FileChange> take() override
        {
            if (next_ == changes_.size()) {
                ended_ = true;
                return std::nullopt;
            }
            return changes_[next_++];
        }
        [[nodiscard]] bool ended() const override { return ended_; }
        void close() override {}

    private:
        std::vector<coordinator::FileChange> changes_;
        std::size_t next_ = 0;
        bool ended_ = false;
    };
};

} // namespace test_support
