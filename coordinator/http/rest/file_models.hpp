#pragma once

#include "coordinator/core/guest_files.hpp"
#include "coordinator/http/reply_stream.hpp"
#include "coordinator/http/rest/json_text.hpp"

#include <memory>

// How replies show a sandbox's files.
namespace coordinator::http::rest {

std::string mode_text(unsigned mode); ///< "0644"
Json file_json(const FileInfo& info);
/// The reply to a request for `file` that was answered so.
Json file_answer_json(const FileRequest& file, const FileAnswer& answer);

/// Its bytes, as they are.
class DownloadStream final : public ReplyStream {
public:
    explicit DownloadStream(std::shared_ptr<FileStream> bytes) : bytes_{std::move(bytes)} {}

    void on_news(std::function<void()> news) override { bytes_->on_news(std::move(news)); }
    std::string take(std::size_t size) override { return bytes_->take(size); }
    [[nodiscard]] bool ended() const override { return bytes_->ended(); }
    [[nodiscard]] bool failed() const override { return bytes_->failed(); }
    [[nodiscard]] std::string sign_of_life() const override { return {}; }
    void close() override { bytes_->close(); }

private:
    std::shared_ptr<FileStream> bytes_;
};

/// Server-sent events: `connected`, a `change` for each, `end` when what was watched is gone.
class WatchStream final : public ReplyStream {
public:
    explicit WatchStream(std::unique_ptr<FileWatch> watch) : watch_{std::move(watch)} {}

    void on_news(std::function<void()> news) override { watch_->on_news(std::move(news)); }
    std::string take(std::size_t size) override;
    [[nodiscard]] bool ended() const override { return told_end_; }
    [[nodiscard]] std::string sign_of_life() const override;
    void close() override { watch_->close(); }

private:
    std::unique_ptr<FileWatch> watch_;
    std::uint64_t told_ = 0; ///< Numbers them for this reader alone: there is no way back.
    bool begun_ = false;
    bool told_end_ = false;
};

} // namespace coordinator::http::rest
