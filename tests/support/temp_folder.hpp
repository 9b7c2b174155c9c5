#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace tests {

/// A folder of a test's own, gone with it.
class TempFolder {
public:
    TempFolder()
    {
        // Short: unix sockets are made below it.
        auto pattern = (std::filesystem::temp_directory_path() / "pdk-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::system_error{errno, std::generic_category(), pattern};
        }
        path_ = pattern;
    }
    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

} // namespace tests
