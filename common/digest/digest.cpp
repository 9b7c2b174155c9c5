#include "common/digest/digest.hpp"

#include "common/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <system_error>
#include <vector>

namespace common::digest {

struct Hasher::Context {
    SHA256_CTX sha{};
    Context() { SHA256_Init(&sha); }
};

Hasher::Hasher() : context_{std::make_unique<Context>()} {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes)
{
    SHA256_Update(&context_->sha, bytes.data(), bytes.size());
}

Sha256 Hasher::finish()
{
    Sha256 result{};
    SHA256_Final(result.data(), &context_->sha);
    return result;
}

Sha256 of(std::string_view bytes)
{
    Hasher hasher;
    hasher.update(bytes);
    return hasher.finish();
}

Result<Sha256> of_file(const std::filesystem::path& path)
{
    const auto failed = [&path] {
        return Error{ErrorCode::failed_precondition,
                     "read " + path.string() + ": " + std::generic_category().message(errno)};
    };
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd) {
        return failed();
    }
    Hasher hasher;
    std::vector<char> piece(std::size_t{1} << 20U);
    while (true) {
        const auto count = ::read(fd.get(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return failed();
        }
        if (count == 0) {
            return hasher.finish();
        }
        hasher.update({piece.data(), static_cast<std::size_t>(count)});
    }
}

std::string to_hex(std::span<const std::uint8_t> bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        hex += digits[byte >> 4U];
        hex += digits[byte & 15U];
    }
    return hex;
}

Result<Sha256> sha256_from_hex(std::string_view hex)
{
    const auto nibble = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    Sha256 result{};
    bool good = hex.size() == result.size() * 2;
    for (std::size_t i = 0; good && i < result.size(); ++i) {
        const int high = nibble(hex[2 * i]);
        const int low = nibble(hex[2 * i + 1]);
        good = high >= 0 && low >= 0;
        result[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    if (!good) {
        return Error{ErrorCode::invalid_argument, "not 64 lower-case hex digits"};
    }
    return result;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace common::digest
