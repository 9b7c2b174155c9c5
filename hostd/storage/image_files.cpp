#include "hostd/storage/image_files.hpp"

#include "common/digest/digest.hpp"
#include "common/unique_fd.hpp"
#include "hostd/storage/durable.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <vector>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

Error image_unusable(const fs::path& file, std::string_view why, std::string_view fix)
{
    return {ErrorCode::invalid_argument,
            fmt::format("{} {}: {}", file.string(), why, fix),
            "image_unusable"};
}

Result<FileStamp> copy_file(const fs::path& from, const fs::path& to, const CopyProgress& progress)
{
    const common::UniqueFd in{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat about {};
    if (!in || ::fstat(in.get(), &about) != 0) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("open {}: {}", from.string(), std::strerror(errno))};
    }
    if (!S_ISREG(about.st_mode)) {
        return image_unusable(from, "is not a regular file", "give a file");
    }
    const common::UniqueFd out{::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!out) {
        return file_error("create", to, errno);
    }
    const bool shared = ::ioctl(out.get(), FICLONE, in.get()) == 0;
    // What is digested is what is kept, whoever writes to the original meanwhile.
    const int source = shared ? out.get() : in.get();
    const Bytes total{static_cast<std::uint64_t>(about.st_size)};
    common::digest::Hasher hasher;
    std::vector<char> piece(std::size_t{4} << 20U);
    std::uint64_t done = 0;
    while (true) {
        const auto count = ::read(source, piece.data(), piece.size());
        if (count < 0) {
            return file_error("read", from, errno);
        }
        if (count == 0) {
            break;
        }
        const auto size = static_cast<std::size_t>(count);
        hasher.update({piece.data(), size});
        if (!shared && ::write(out.get(), piece.data(), size) != count) {
            return file_error("write", to, errno == 0 ? ENOSPC : errno);
        }
        done += size;
        progress(Bytes{done}, total);
    }
    if (::fsync(out.get()) != 0) {
        return file_error("sync", to, errno);
    }
    COMMON_TRY(auto stamp, stamp_of(to));
    stamp.digest = common::digest::to_hex(hasher.finish());
    return stamp;
}

Result<fs::path> begin_image(const Layout& layout, common::Rollback& rollback)
{
    auto pattern = (layout.images() / (std::string{temporary_prefix} + "XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return file_error("make a folder in", layout.images(), errno);
    }
    fs::path fresh{pattern};
    rollback.add([fresh] {
        std::error_code ignored; // clean_up() tries again.
        fs::remove_all(fresh, ignored);
    });
    if (::chmod(fresh.c_str(), 0755) != 0) {
        return file_error("open up", fresh, errno);
    }
    return fresh;
}

Result<> copy_boot_files(const fs::path& kernel,
                         const fs::path& initrd,
                         const fs::path& folder,
                         Manifest& manifest)
{
    const CopyProgress quiet = [](Bytes, Bytes) {};
    if (!kernel.empty()) {
        COMMON_TRY(manifest.kernel, copy_file(kernel, folder / "kernel", quiet));
    }
    if (!initrd.empty()) {
        COMMON_TRY(manifest.initrd, copy_file(initrd, folder / "initrd", quiet));
    }
    return {};
}

} // namespace hostd::storage
