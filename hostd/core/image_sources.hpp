#pragma once

#include "hostd/core/downloads.hpp"
#include "hostd/core/image_maker.hpp"
#include "hostd/core/peers.hpp"

#include <vector>

namespace hostd {

/// Where the files of an image come from that is being added: from hosts that have it, one after
/// the other, and what they do not give from the coordinator. Each goes on where the one before it
/// ended. One thread.
class ImageSources {
public:
    /// `peers`: of the host's own; may be null. All of it outlives this.
    ImageSources(Downloads& downloads, Peers* peers, AddImageCommand wish, common::OperationId op)
        : downloads_{downloads}, peers_{peers}, wish_{std::move(wish)}, operation_{std::move(op)}
    {}

    /// As ImageMaker::Fetch.
    common::Result<> fetch(const FileWish& file, const ImageMaker::Sink& sink);

private:
    Downloads& downloads_;
    Peers* peers_;
    const AddImageCommand wish_;
    const common::OperationId operation_;
};

} // namespace hostd
