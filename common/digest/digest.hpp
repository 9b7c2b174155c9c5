#pragma once

#include "common/result.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace common::digest {

/// 32 bytes of SHA-256 (FIPS 180-4).
using Sha256 = std::array<std::uint8_t, 32>;

/// Digests a stream piece by piece.
class Hasher {
public:
    Hasher();
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;

    void update(std::string_view bytes);
    /// The digest of everything so far; the hasher is spent.
    [[nodiscard]] Sha256 finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

[[nodiscard]] Sha256 of(std::string_view bytes);

/// The digest of a file's content, read in pieces of 1 MiB.
Result<Sha256> of_file(const std::filesystem::path& path);

/// 64 lower-case hex digits.
std::string to_hex(std::span<const std::uint8_t> bytes);
Result<Sha256> sha256_from_hex(std::string_view hex);

/// Equality that takes as long for equal as for unequal input of one length.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace common::digest
