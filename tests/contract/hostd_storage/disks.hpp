#pragma once

#include "common/process/process.hpp"
#include "hostd/storage/images.hpp"
#include "hostd/storage/sandbox_store.hpp"
#include "tests/support/temp_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace hostd::storage {

namespace fs = std::filesystem;

/// A state folder, and disks made by the real qemu-img.
struct Disks {
    tests::TempFolder temp;
    Layout layout = *Layout::make(temp.path() / "state");
    Runner runner = &common::process::run;
    ImageRegistrar registrar{layout, runner};
    DirImageStore images{layout};
    DirSandboxStore sandboxes{layout, runner, common::Bytes::mib(1)};

    Disks() { BOOST_REQUIRE(layout.make_folders()); }

    static void must(std::vector<std::string> argv)
    {
        const auto done = common::process::run_checked({std::move(argv)});
        BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
    }
    /// A qcow2 with `content` at its beginning.
    [[nodiscard]] fs::path disk(const std::string& name, const std::string& content = "") const
    {
        const auto raw = temp.path() / (name + ".raw");
        const auto file = temp.path() / name;
        std::ofstream{raw, std::ios::binary} << content;
        fs::resize_file(raw, std::size_t{2} << 20U);
        must({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file});
        return file;
    }
    [[nodiscard]] static ImageRequest request(const std::string& name, const fs::path& file)
    {
        ImageRequest request;
        request.name = common::ImageName{name};
        request.disk = file;
        return request;
    }
    common::Result<Image> add(const ImageRequest& request)
    {
        return registrar.add(request, [](common::Bytes, common::Bytes) {});
    }
    /// The reason for which a disk is not taken.
    [[nodiscard]] std::string refusal(const fs::path& file)
    {
        const auto added = add(request("bad", file));
        BOOST_REQUIRE(!added);
        BOOST_TEST(!fs::exists(layout.image(common::ImageName{"bad"})));
        BOOST_TEST(leftovers() == 0);
        return std::string{added.error().stable_reason()} + ": " + added.error().message;
    }
    [[nodiscard]] long leftovers() const
    {
        return std::ranges::count_if(
            fs::directory_iterator{layout.images()},
            [](const auto& entry) { return entry.path().filename().string().starts_with("."); });
    }
    [[nodiscard]] static std::string content(const fs::path& file)
    {
        std::ostringstream text;
        text << std::ifstream{file, std::ios::binary}.rdbuf();
        return text.str();
    }
};

/// Exit code 77 is "skipped" to ctest.
struct SkipWithoutQemuImg {
    SkipWithoutQemuImg()
    {
        const auto version = common::process::run({{"qemu-img", "--version"}});
        if (!version || version->status != 0) {
            std::puts("skipped: needs qemu-img");
            std::fflush(stdout);
            ::_exit(77);
        }
    }
};

} // namespace hostd::storage
