#include "coordinator/guest/files.hpp"

#include "coordinator/guest/call.hpp"
#include "coordinator/guest/file_words.hpp"
#include "coordinator/guest/words.hpp"

namespace coordinator::guest {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

/// For what is not a matter of size, and for what may be: a tree, a whole disk's sync.
constexpr seconds quick_patience{60};
constexpr minutes long_patience{10};
/// Two paths, and what is between them.
constexpr std::size_t longest_news = std::size_t{16} << 10U;

LiveRequest live_of(const FileRequest& request, const FilePolicy& policy)
{
    LiveRequest live;
    const std::string word{to_string(request.action)};
    live.argv = {"file", word, request.path};
    if (!request.to.empty()) {
        live.argv.push_back(request.to);
    }
    live.user = request.user;
    live.call = proto::FileCall::kind;
    live.request = proto::encode_call(call_of(request, policy));
    live.audited_as = changes_files(request.action) ? "file_" + word : "";
    live.about = {{"path", request.path}, {"to", request.to}};
    live.attempt = "use the files of";
    live.has_stdin = request.action == FileAction::write || request.action == FileAction::edit;
    const bool is_long = request.action == FileAction::read ||
                         request.action == FileAction::write || request.action == FileAction::watch;
    if (!is_long) {
        live.timeout = long_patience;
    }
    return live;
}

Result<proto::FileReply> next_reply(Call& call, std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto head, call.head(patience));
    return reply_of(head);
}

Error after_begin(const FileRequest& request, Error error)
{
    return changes_files(request.action) ? after_begin_of_change(std::move(error))
                                         : std::move(error);
}

/// The guest has said why it takes no more of a body; else `error` is all there is to say.
Error reason_of(Call& call, Error error)
{
    const auto reply = next_reply(call, quick_patience);
    const bool is_word = !reply && reply.error().stable_reason() != "guest_interrupted";
    return is_word ? reply.error() : std::move(error);
}

class Bytes final : public FileStream {
public:
    Bytes(std::unique_ptr<Call> call, std::optional<std::uint64_t> length)
        : call_{std::move(call)}, left_{length}
    {}

    void on_news(std::function<void()> news) override { call_->on_news(std::move(news)); }
    std::string take(std::size_t size) override
    {
        auto bytes = call_->take(size);
        if (left_) {
            is_too_long_ = is_too_long_ || bytes.size() > *left_;
            bytes.resize(std::min<std::uint64_t>(bytes.size(), *left_));
            *left_ -= bytes.size();
        }
        return bytes;
    }
    [[nodiscard]] bool ended() const override
    {
        return call_->ended() || is_too_long_ || (left_ && *left_ == 0);
    }
    [[nodiscard]] bool failed() const override
    {
        return ended() && (left_ ? *left_ > 0 : call_->failed());
    }
    void close() override { call_->close(); }

private:
    std::unique_ptr<Call> call_;
    std::optional<std::uint64_t> left_;
    bool is_too_long_ = false;
};

class Upload final : public FileUpload {
public:
    Upload(std::unique_ptr<Call> call, FileRequest request)
        : call_{std::move(call)}, request_{std::move(request)}
    {}

    Result<> write(std::string_view bytes) override
    {
        auto sent = call_->put(bytes);
        if (!sent) {
            return reason_of(*call_, std::move(sent).error());
        }
        return sent;
    }
    Result<FileAnswer> finish() override
    {
        if (auto sent = call_->put_end(); !sent) {
            return reason_of(*call_, std::move(sent).error());
        }
        auto reply = next_reply(*call_, long_patience);
        if (!reply) {
            return after_begin(request_, std::move(reply).error());
        }
        return answer_of(*std::move(reply));
    }

private:
    std::unique_ptr<Call> call_;
    const FileRequest request_;
};

class Watch final : public FileWatch {
public:
    explicit Watch(std::unique_ptr<Call> call) : call_{std::move(call)} {}

    void on_news(std::function<void()> news) override { call_->on_news(std::move(news)); }
    std::optional<FileChange> take() override
    {
        auto head = call_->head_now(longest_news);
        if (!head || !*head) {
            ended_ = ended_ || !head;
            return std::nullopt;
        }
        auto news = proto::decode_call<proto::FileNews>(**head);
        if (!news) {
            ended_ = true;
            return std::nullopt;
        }
        return change_of(*std::move(news));
    }
    [[nodiscard]] bool ended() const override { return ended_; }
    void close() override { call_->close(); }

private:
    std::unique_ptr<Call> call_;
    bool ended_ = false;
};

} // namespace

Result<std::unique_ptr<Call>> Files::call(const Caller& caller,
                                          const common::SandboxId& id,
                                          const FileRequest& request,
                                          Body body)
{
    COMMON_TRY(const auto policy, policy_of_(caller, id));
    auto live = live_of(request, policy);
    live.receives = body == Body::is_received;
    return Call::begin(execs_, caller, id, std::move(live));
}

/// Begun, and ready for its body if it has one; with the guest's first reply.
struct Files::Begun {
    std::unique_ptr<Call> call;
    proto::FileReply reply;
};
Result<Files::Begun> Files::begin(const Caller& caller,
                                  const common::SandboxId& id,
                                  const FileRequest& request,
                                  Body body)
{
    COMMON_TRY(auto begun, call(caller, id, request, body));
    COMMON_TRY(auto reply, next_reply(*begun, quick_patience));
    return Begun{std::move(begun), std::move(reply)};
}

Result<FileAnswer>
Files::ask(const Caller& caller, const common::SandboxId& id, const FileRequest& request)
{
    COMMON_TRY(auto asked, call(caller, id, request));
    auto reply = next_reply(*asked, long_patience);
    if (!reply) {
        return after_begin(request, std::move(reply).error());
    }
    if (reply->ready) {
        Upload body{std::move(asked), request};
        COMMON_CHECK(body.write(request.old_text));
        COMMON_CHECK(body.write(request.new_text));
        return body.finish();
    }
    return answer_of(*std::move(reply));
}

Result<FileDownload>
Files::read(const Caller& caller, const common::SandboxId& id, const FileRequest& request)
{
    COMMON_TRY(auto begun, begin(caller, id, request));
    if (begun.reply.entries.empty()) {
        return Error{ErrorCode::unavailable, "the guest told nothing of it", "guest_misbehaved"};
    }
    return FileDownload{info_of(begun.reply.entries.front()),
                        begun.reply.from,
                        begun.reply.length,
                        std::make_shared<Bytes>(std::move(begun.call), begun.reply.length)};
}

Result<std::unique_ptr<FileUpload>>
Files::write(const Caller& caller, const common::SandboxId& id, const FileRequest& request)
{
    COMMON_TRY(auto begun, begin(caller, id, request, Body::is_received));
    return std::unique_ptr<FileUpload>{std::make_unique<Upload>(std::move(begun.call), request)};
}

Result<std::unique_ptr<FileWatch>>
Files::watch(const Caller& caller, const common::SandboxId& id, const FileRequest& request)
{
    COMMON_TRY(auto begun, begin(caller, id, request));
    return std::unique_ptr<FileWatch>{std::make_unique<Watch>(std::move(begun.call))};
}

} // namespace coordinator::guest
