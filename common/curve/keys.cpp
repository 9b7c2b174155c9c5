#include "common/curve/keys.hpp"

#include "common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

namespace common::curve {

namespace {

constexpr std::size_t key_characters = 40;
using KeyBuffer = std::array<char, key_characters + 1>;

Result<> write_new(const std::filesystem::path& file, const std::string& text, mode_t mode)
{
    const UniqueFd fd{
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)};
    if (!fd) {
        const auto code = errno == EEXIST ? ErrorCode::already_exists : ErrorCode::internal;
        return Error{code,
                     "write " + file.string() + ": " +
                         std::strerror(errno)}; // NOLINT(concurrency-mt-unsafe): at start-up
    }
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(fd.get()) != 0) {
        return Error{ErrorCode::internal, "write " + file.string() + ": is the disk full?"};
    }
    return {};
}

/// What nobody may do with a secret key. One that is root's may be read by a group: it is how a
/// daemon of another user gets it.
mode_t too_open(const struct stat& file)
{
    const bool is_lent = file.st_uid == 0 && ::geteuid() != 0;
    return is_lent ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
}

} // namespace

Result<KeyPair> generate_keys()
{
    KeyBuffer public_key{};
    KeyBuffer secret_key{};
    if (::zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        return Error{ErrorCode::internal, "make a CURVE key pair: libzmq has no CURVE"};
    }
    return KeyPair{public_key.data(), secret_key.data()};
}

Result<>
write_keys(const std::filesystem::path& folder, const std::string& stem, const KeyPair& keys)
{
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return Error{ErrorCode::internal, "make " + folder.string() + ": " + error.message()};
    }
    COMMON_CHECK(write_new(folder / (stem + ".key"), keys.secret_key + "\n", S_IRUSR | S_IWUSR));
    return write_new(
        folder / (stem + ".pub"), keys.public_key + "\n", S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

Result<std::string> read_key(const std::filesystem::path& file)
{
    std::ifstream in{file};
    if (!in) {
        return Error{ErrorCode::not_found, "key file " + file.string() + " cannot be read"};
    }
    std::string text;
    while (std::getline(in, text)) {
        text.erase(text.find_last_not_of(" \t\r") + 1);
        if (text.empty() || text.front() == '#') {
            continue;
        }
        std::array<std::uint8_t, 32> decoded{};
        if (text.size() != key_characters ||
            ::zmq_z85_decode(decoded.data(), text.c_str()) == nullptr) {
            break;
        }
        return text;
    }
    return Error{ErrorCode::invalid_argument,
                 "key file " + file.string() + ": expected 40 characters of Z85"};
}

Result<KeyPair> read_key_pair(const std::filesystem::path& secret_file)
{
    struct stat about = {};
    if (::stat(secret_file.c_str(), &about) == 0 && (about.st_mode & too_open(about)) != 0) {
        return Error{ErrorCode::failed_precondition,
                     "key file " + secret_file.string() + " is open to others: chmod 600 it"};
    }
    COMMON_TRY(auto secret, read_key(secret_file));
    KeyBuffer public_key{};
    if (::zmq_curve_public(public_key.data(), secret.c_str()) != 0) {
        return Error{ErrorCode::invalid_argument,
                     "key file " + secret_file.string() + " is no key"};
    }
    return KeyPair{public_key.data(), std::move(secret)};
}

} // namespace common::curve
