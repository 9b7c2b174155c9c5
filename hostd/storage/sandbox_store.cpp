#include "hostd/storage/sandbox_store.hpp"

#include "common/rollback.hpp"
#include "common/unique_fd.hpp"
#include "hostd/storage/durable.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>

namespace hostd::storage {

using common::Result;

namespace fs = std::filesystem;

SandboxFiles DirSandboxStore::files_of(const common::SandboxId& id, std::uint64_t incarnation) const
{
    return layout_.sandbox(id, incarnation);
}

Result<SandboxFiles> DirSandboxStore::create_empty(const common::SandboxId& id)
{
    COMMON_CHECK(keep_reserve(layout_.sandboxes(), reserve_));
    const auto files = layout_.sandbox(id);
    COMMON_CHECK(make_folder(files.folder));
    return files;
}

Result<SandboxFiles> DirSandboxStore::create(const common::SandboxId& id, const Image& image)
{
    COMMON_TRY(const auto files, create_empty(id));
    common::Rollback rollback;
    rollback.add([this, &id] { static_cast<void>(remove(id)); });
    COMMON_CHECK(run_qemu_img(runner_, create_overlay(files.overlay, image.disk)));
    rollback.commit();
    return files;
}

Result<> DirSandboxStore::remove(const common::SandboxId& id)
{
    return remove_tree(layout_.sandbox(id).folder);
}

bool DirSandboxStore::has_run(const common::SandboxId& id) const
{
    // virtlogd makes the console's log when a domain first starts.
    std::error_code error;
    return fs::exists(layout_.sandbox(id).console_log, error) || error;
}

Result<> DirSandboxStore::mark_run(const common::SandboxId& id)
{
    const auto log = layout_.sandbox(id).console_log; // virtlogd goes on at its end.
    const common::UniqueFd file{::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    return file ? Result<>{} : Result<>{file_error("make", log, errno)};
}

common::Bytes DirSandboxStore::taken_by(const SandboxFiles& files) const
{
    constexpr std::uint64_t block = 512; // stat(2)'s.
    std::uint64_t blocks = 0;
    std::error_code error;
    for (auto entry = fs::directory_iterator{files.folder, error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        struct stat status {};
        if (entry->path().filename().string().starts_with("overlay") &&
            ::lstat(entry->path().c_str(), &status) == 0) {
            blocks += static_cast<std::uint64_t>(status.st_blocks);
        }
    }
    return common::Bytes{blocks * block};
}

SandboxStore::Tail DirSandboxStore::console_of(const SandboxFiles& files, std::size_t bytes) const
{
    // virtlogd begins a file anew when it is full, and keeps those before it.
    Tail tail;
    for (const auto* older : {"", ".0"}) {
        auto path = files.console_log;
        path += older;
        std::ifstream file{path, std::ios::binary | std::ios::ate};
        const auto size = file ? static_cast<std::size_t>(file.tellg()) : 0;
        const auto taken = std::min(size, bytes - tail.text.size());
        std::string text(taken, '\0');
        file.seekg(static_cast<std::streamoff>(size - taken));
        file.read(text.data(), static_cast<std::streamsize>(taken));
        text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
        tail.text.insert(0, text);
        tail.cut = tail.cut || taken < size;
    }
    return tail;
}

Result<std::vector<common::SandboxId>> DirSandboxStore::list() const
{
    std::vector<common::SandboxId> ids;
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout_.sandboxes(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        if (auto id = common::parse_id<common::SandboxId>(entry->path().filename().string())) {
            ids.push_back(*std::move(id));
        }
    }
    if (error) {
        return file_error("list", layout_.sandboxes(), error.value());
    }
    return ids;
}

Result<DiskSpace> DirSandboxStore::space() const
{
    return space_of(layout_.sandboxes());
}

} // namespace hostd::storage
