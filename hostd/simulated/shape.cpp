#include "hostd/simulated/shape.hpp"

#include "common/digest/digest.hpp"

#include <charconv>
#include <fmt/format.h>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

std::optional<std::uint64_t> number_in(std::string_view text)
{
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && rest == end && !text.empty() ? std::optional{number}
                                                                : std::nullopt;
}

} // namespace

Result<Span> parse_span(std::string_view text)
{
    constexpr std::uint64_t longest_ms = 3'600'000;
    const auto dash = text.find('-');
    const auto least = number_in(text.substr(0, dash));
    const auto most = dash == std::string_view::npos ? least : number_in(text.substr(dash + 1));
    if (!least || !most || *least > *most || *most > longest_ms) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("'{}' is no time: milliseconds, as 20, or 20-60 for anything "
                                 "between, an hour at most",
                                 text)};
    }
    return Span{std::chrono::milliseconds{*least}, std::chrono::milliseconds{*most}};
}

Result<Image> parse_image(std::string_view text)
{
    const Error wrong{ErrorCode::invalid_argument,
                      fmt::format("'{}' is no image: NAME or NAME:VCPUS:MEMORY_MB", text)};
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    if (!common::is_name(name)) {
        return wrong;
    }
    Image image;
    image.name = common::ImageName{std::string{name}};
    image.digest =
        common::digest::to_hex(common::digest::of("a simulated image: " + image.name.str()));
    image.size = common::Bytes::mib(64);
    image.virtual_size = common::Bytes::gib(8);
    image.boot = Boot::kernel;
    image.agent = AgentKind::paddock;
    image.default_vcpus = 1;
    image.default_memory = common::Bytes::mib(256);
    if (colon != std::string_view::npos) {
        const auto rest = text.substr(colon + 1);
        const auto second = rest.find(':');
        const auto vcpus = number_in(rest.substr(0, second));
        const auto memory =
            second == std::string_view::npos ? std::nullopt : number_in(rest.substr(second + 1));
        constexpr std::uint64_t most_vcpus = 512;
        constexpr std::uint64_t most_mb = std::uint64_t{1} << 24U;
        if (!vcpus || !memory || *vcpus == 0 || *vcpus > most_vcpus || *memory == 0 ||
            *memory > most_mb) {
            return wrong;
        }
        image.default_vcpus = static_cast<unsigned>(*vcpus);
        image.default_memory = common::Bytes::mib(*memory);
    }
    return image;
}

std::chrono::milliseconds Dice::in(const Span& span)
{
    std::uniform_int_distribution<std::int64_t> any{span.least.count(), span.most.count()};
    return std::chrono::milliseconds{any(engine_)};
}

bool Dice::falls(double share)
{
    return share > 0 && std::uniform_real_distribution<>{0, 1}(engine_) < share;
}

std::size_t Dice::below(std::size_t count)
{
    return std::uniform_int_distribution<std::size_t>{0, count - 1}(engine_);
}

} // namespace hostd::simulated
