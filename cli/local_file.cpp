#include "cli/local_file.hpp"

#include "cli/text.hpp"
#include "common/digest/digest.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error failed(const std::string& attempt, const std::string& path)
{
    const auto code = errno == ENOENT   ? ErrorCode::not_found
                      : errno == EACCES ? ErrorCode::permission_denied
                                        : ErrorCode::failed_precondition;
    return {code,
            attempt + " " + path + ": " + std::strerror(errno)}; // NOLINT(concurrency-mt-unsafe)
}

/// What is removed if the program is ended in the middle. One at a time.
std::atomic<const char*> to_remove{nullptr};

void remove_and_end(int signal)
{
    if (const char* path = to_remove.load(); path != nullptr) {
        ::unlink(path);
    }
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

} // namespace

Result<LocalSource> LocalSource::open(const std::string& path)
{
    LocalSource source;
    source.path_ = path;
    if (path == "-") {
        source.fd_.reset(::dup(STDIN_FILENO));
        return source;
    }
    source.fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!source.fd_ || ::fstat(source.fd_.get(), &status) != 0) {
        return failed("read", path);
    }
    if (S_ISDIR(status.st_mode)) {
        return Error{ErrorCode::invalid_argument,
                     path +
                         " is a folder: copy it with tar, as in\n"
                         "  tar -c " +
                         path + " | paddock exec -i web -- tar -C /srv -x"};
    }
    if (!S_ISREG(status.st_mode)) {
        return Error{ErrorCode::invalid_argument, path + " is no file; - is stdin"};
    }
    source.size_ = static_cast<std::uint64_t>(status.st_size);
    source.mode_ = status.st_mode;
    return source;
}

std::optional<std::string> LocalSource::read(std::size_t most)
{
    if (size_) {
        most = static_cast<std::size_t>(std::min<std::uint64_t>(most, *size_ - had_));
    }
    std::string bytes(most, '\0');
    while (most > 0) {
        const auto count = ::read(fd_.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 || (count == 0 && size_)) {
            failure_ = count < 0 ? failed("read", path_).message : path_ + " has become shorter";
            return std::nullopt;
        }
        bytes.resize(static_cast<std::size_t>(count));
        had_ += bytes.size();
        return bytes;
    }
    return std::string{};
}

Result<LocalTarget> LocalTarget::open(const std::string& path, bool keep)
{
    LocalTarget target;
    target.path_ = path;
    target.keep_ = keep;
    if (path == "-") {
        target.fd_.reset(::dup(STDOUT_FILENO));
        return target;
    }
    if (keep && std::filesystem::exists(std::filesystem::symlink_status(path))) {
        return Error{ErrorCode::failed_precondition, path + " is there already", "already_exists"};
    }
    std::error_code none;
    const auto real =
        std::filesystem::canonical(path, none); // A link's target is replaced, not the link.
    if (!none) {
        if (!std::filesystem::is_regular_file(real)) {
            target.fd_.reset(::open(real.c_str(), O_WRONLY | O_CLOEXEC)); // A device, a FIFO.
            return target.fd_ ? Result<LocalTarget>{std::move(target)} : failed("write", path);
        }
        target.path_ = real.string();
    }
    target.temporary_ = target.path_ + ".paddock-XXXXXX";
    target.fd_.reset(::mkostemp(target.temporary_.data(), O_CLOEXEC));
    if (!target.fd_) {
        target.temporary_.clear();
        return failed("write", path);
    }
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        ::signal(signal, &remove_and_end);
    }
    return target;
}

LocalTarget::LocalTarget(LocalTarget&& other) noexcept
    : fd_{std::move(other.fd_)},
      path_{std::move(other.path_)},
      temporary_{std::move(other.temporary_)},
      keep_{other.keep_},
      size_{other.size_},
      failure_{std::move(other.failure_)}
{
    other.temporary_.clear();
    to_remove = temporary_.empty() ? nullptr : temporary_.c_str();
}

LocalTarget::~LocalTarget()
{
    if (!temporary_.empty()) {
        to_remove = nullptr;
        ::unlink(temporary_.c_str());
    }
}

bool LocalTarget::write(std::string_view piece)
{
    size_ += piece.size();
    while (!piece.empty()) {
        const auto count = ::write(fd_.get(), piece.data(), piece.size());
        if (count > 0) {
            piece.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            failure_ = failed("write", path_).message;
            return false;
        }
    }
    return true;
}

Result<> LocalTarget::finish(const std::string& mode)
{
    if (temporary_.empty()) {
        return {};
    }
    unsigned wanted = 0;
    const auto mask = ::umask(0);
    ::umask(mask);
    std::from_chars(mode.data(), mode.data() + mode.size(), wanted, 8);
    wanted = mode.empty() ? 0644 : wanted & 0777U;
    if (::fchmod(fd_.get(), wanted & ~mask) != 0 || ::fsync(fd_.get()) != 0) {
        return failed("write", path_);
    }
    const bool named = keep_ ? ::link(temporary_.c_str(), path_.c_str()) == 0
                             : ::rename(temporary_.c_str(), path_.c_str()) == 0;
    if (!named) {
        return failed("write", path_);
    }
    if (keep_) {
        ::unlink(temporary_.c_str());
    }
    to_remove = nullptr;
    temporary_.clear();
    return {};
}

Result<std::unique_ptr<PrivateFolder>> PrivateFolder::make()
{
    auto pattern = (std::filesystem::temp_directory_path() / "paddock-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return failed("make a folder", pattern);
    }
    return std::unique_ptr<PrivateFolder>{new PrivateFolder{pattern}};
}

PrivateFolder::~PrivateFolder()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Result<std::string> digest_of(const std::string& path)
{
    COMMON_TRY(const auto digest, common::digest::of_file(path));
    return common::digest::to_hex(digest);
}

void Progress::add(std::size_t bytes)
{
    constexpr std::chrono::milliseconds first{500};
    constexpr std::chrono::milliseconds between{200};
    had_ += bytes;
    const auto now = std::chrono::steady_clock::now();
    if (!console_.err_is_tty || now - begun_ < first || now - shown_ < between) {
        return;
    }
    shown_ = now;
    visible_ = true;
    show();
}

void Progress::show() const
{
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun_);
    Console::say("\r\x1b[K" + progress_text(name_, had_, size_, took));
}

void Progress::end()
{
    if (visible_) {
        show();
        Console::say("\n");
    }
}

Result<std::string>
upload(Context& context, const std::string& target, LocalSource& source, const std::string& name)
{
    Progress progress{context.console, name, source.size()};
    context.session.set_timeout(std::chrono::minutes{15}); // For one piece of it.
    auto reply = context.session.upload(target, source.size(), [&](std::size_t size) {
        auto piece = source.read(size);
        progress.add(piece ? piece->size() : 0);
        return piece;
    });
    progress.end();
    if (!source.failure().empty()) {
        return Error{ErrorCode::failed_precondition, source.failure()};
    }
    return reply;
}

std::string progress_text(const std::string& name,
                          std::uint64_t had,
                          std::optional<std::uint64_t> size,
                          std::chrono::milliseconds took)
{
    constexpr std::uint64_t whole = 100;
    constexpr std::uint64_t ms_per_second = 1000;
    const auto rate =
        had * ms_per_second / static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 1));
    auto text = name + " " + size_text(had);
    if (size && *size > 0) {
        text += fmt::format(" of {}, {}%", size_text(*size), std::min(whole, had * whole / *size));
    }
    return text + ", " + size_text(rate) + "/s";
}

} // namespace cli
