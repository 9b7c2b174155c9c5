#include "hostd/core/image_sources.hpp"

#include "common/log/log.hpp"

namespace hostd {

using common::Result;

Result<> ImageSources::fetch(const FileWish& file, const ImageMaker::Sink& sink)
{
    auto at = file.from;
    bool refused = false; // By the sink, for which no other source is better.
    const auto passed_on = [&](std::string_view bytes) -> Result<> {
        COMMON_CHECK(downloads_.pace(bytes.size()));
        if (auto taken = sink(bytes); !taken) {
            refused = true;
            return taken;
        }
        at += bytes.size();
        return {};
    };
    const bool ask_peers = peers_ != nullptr && file.whence == FileWish::Whence::anywhere;
    for (const auto& peer : ask_peers ? wish_.peers : std::vector<PeerRef>{}) {
        auto fetched = peers_->fetch(peer, wish_.recipe.registration, file.blob, at, passed_on);
        if (fetched || refused) {
            return fetched;
        }
        spdlog::warn("image {}: {} does not give {} from byte {} on ({}); trying the next",
                     wish_.recipe.name.str(),
                     peer.endpoint,
                     file.blob.digest,
                     at,
                     fetched.error().message);
    }
    return downloads_.fetch(operation_, file.blob, passed_on, at);
}

} // namespace hostd
