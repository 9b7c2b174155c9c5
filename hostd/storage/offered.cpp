#include "hostd/storage/offered.hpp"

#include "hostd/storage/chain.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
using File = CheckpointOffer::File;

namespace {

bool is_state(const std::string& name)
{
    return std::ranges::find(state_file_names, name) != state_file_names.end();
}

bool is_layer(const std::string& name)
{
    constexpr std::string_view suffix = ".qcow2";
    return name.ends_with(suffix) &&
           common::parse_id<LayerId>(name.substr(0, name.size() - suffix.size())).has_value();
}

Result<> check_file(const File& file)
{
    constexpr std::uint64_t largest = std::uint64_t{1} << 50U; // Sums of them are none's surprise.
    if (!is_state(file.name) && !is_layer(file.name)) {
        return offer_refused("a file of a name that no checkpoint has");
    }
    if (file.digest.size() != 64 ||
        file.digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return offer_refused(file.name + " has no digest");
    }
    if (file.size.count() > largest) {
        return offer_refused(fmt::format("{} has {} bytes", file.name, file.size.count()));
    }
    return {};
}

Result<> check_files(const CheckpointOffer& offer, std::size_t layers)
{
    if (offer.files.size() > most_offered_files || layers == 0 || layers + 1 > longest_chain) {
        return offer_refused(
            fmt::format("{} files, {} of them layers", offer.files.size(), layers));
    }
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < offer.files.size(); ++i) {
        const auto& file = offer.files[i];
        COMMON_CHECK(check_file(file));
        if (!names.insert(file.name).second) {
            return offer_refused("it has " + file.name + " twice");
        }
        if (is_layer(file.name) != (i < layers)) {
            return offer_refused("a layer that is not among the layers");
        }
    }
    return {};
}

bool is_name_or_none(const std::string& text)
{
    return text.empty() || common::is_name(text);
}

/// What stands in it becomes this host's word.
Result<> check_words(const CheckpointManifest& manifest)
{
    constexpr std::size_t longest_word = 128;
    const auto& checkpoint = manifest.checkpoint;
    const auto& spec = checkpoint.spec;
    if (!is_name_or_none(checkpoint.name) || !is_name_or_none(spec.name) || spec.tenant.empty() ||
        spec.tenant.size() > longest_word || spec.vcpus == 0 || spec.memory.count() == 0) {
        return offer_refused("its manifest tells of no sandbox of ours");
    }
    return {};
}

Result<> check_states(const Offered& offered)
{
    if (offered.states.size() != offered.manifest.files.size()) {
        return offer_refused("its files are not those of its manifest");
    }
    for (const auto& file : offered.states) {
        const auto stamp = offered.manifest.files.find(file.name);
        if (stamp == offered.manifest.files.end() || stamp->second.digest != file.digest ||
            stamp->second.size != file.size.count()) {
            return offer_refused(file.name + " is not as its manifest says");
        }
    }
    return {};
}

} // namespace

Error offer_refused(std::string_view why)
{
    return {ErrorCode::failed_precondition,
            fmt::format("the checkpoint that is offered is not as it should be: {}", why),
            "offer_refused"};
}

Result<Offered> check_offer(const Layout& layout,
                            const common::SandboxId& sandbox,
                            const common::SnapshotId& id,
                            const CheckpointOffer& offer)
{
    const auto layers = static_cast<std::size_t>(
        std::ranges::count_if(offer.files, [](const File& file) { return is_layer(file.name); }));
    COMMON_CHECK(check_files(offer, layers));
    if (offer.manifest.size() > largest_manifest) {
        return offer_refused("its manifest is too long");
    }
    auto manifest = parse_checkpoint(layout, layout.draft(id), offer.manifest);
    if (!manifest) {
        return offer_refused(manifest.error().message);
    }
    Offered offered{*std::move(manifest),
                    std::span{offer.files}.first(layers),
                    std::span{offer.files}.subspan(layers)};
    const auto& told = offered.manifest;
    if (told.checkpoint.id != id || told.checkpoint.spec.id != sandbox) {
        return offer_refused("its manifest is another checkpoint's");
    }
    const auto& top = offered.layers.back();
    if (!told.layer || told.layer->str() + ".qcow2" != top.name ||
        told.layer_digest != top.digest) {
        return offer_refused("its disk is not the last of its layers");
    }
    COMMON_CHECK(check_words(told));
    COMMON_CHECK(check_states(offered));
    return offered;
}

} // namespace hostd::storage
