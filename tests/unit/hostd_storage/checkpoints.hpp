#pragma once

#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/qcow2_header.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

namespace hostd::storage {

namespace fs = std::filesystem;

inline void put_number(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value)
{
    for (std::size_t i = 0; i < width; ++i) {
        bytes[at + width - 1 - i] = static_cast<char>(value >> (8 * i) & 255U);
    }
}

/// The header of a qcow2 file of version 3, as qemu-img lays it out.
inline std::string
qcow2_bytes(const std::string& backing, std::uint64_t size, const std::string& format = "qcow2")
{
    std::string bytes(104, '\0');
    bytes.replace(0, 4, "QFI\xfb");
    put_number(bytes, 4, 4, 3);
    put_number(bytes, 20, 4, 16);
    put_number(bytes, 24, 8, size);
    put_number(bytes, 100, 4, 104);
    if (!backing.empty()) {
        std::string extension(8, '\0');
        put_number(extension, 0, 4, 0xE2792ACA);
        put_number(extension, 4, 4, format.size());
        extension += format;
        extension.resize((extension.size() + 7) / 8 * 8, '\0');
        bytes += extension + std::string(8, '\0');
        put_number(bytes, 8, 8, bytes.size());
        put_number(bytes, 16, 4, backing.size());
        bytes += backing;
    }
    return bytes;
}

inline void write(const fs::path& file, std::string_view text)
{
    std::ofstream{file, std::ios::binary} << text;
}

inline std::string read(const fs::path& file)
{
    std::ostringstream text;
    text << std::ifstream{file, std::ios::binary}.rdbuf();
    return text.str();
}

/// A state folder with an image and one sandbox, and a qemu-img that writes headers.
struct Checkpoints {
    static constexpr std::uint64_t disk_size = 1 << 20;
    const common::SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
    const common::SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};
    const common::SnapshotId first{"snp-aaaaaaaaaaaaaaaa"};
    const common::SnapshotId second{"snp-bbbbbbbbbbbbbbbb"};

    tests::TempFolder temp;
    Layout layout = *Layout::make(temp.path());
    common::process::Outcome outcome;
    DirCheckpointStore store = open();
    fs::path image = layout.images() / "tiny/disk.qcow2";
    fs::path top = layout.sandbox(a).overlay;

    Checkpoints()
    {
        BOOST_REQUIRE(layout.make_folders());
        fs::create_directory(layout.images() / "tiny");
        write(image, qcow2_bytes("", disk_size));
        make_sandbox(a);
    }
    DirCheckpointStore open(common::Bytes reserve = common::Bytes{0})
    {
        return {layout,
                [this](const common::process::Command& command)
                    -> common::Result<common::process::Outcome> {
                    const auto& argv = command.argv;
                    if (outcome.status == 0) {
                        write(argv.at(argv.size() - 2),
                              qcow2_bytes(argv.at(argv.size() - 3), std::stoull(argv.back())) +
                                  "clusters");
                    }
                    return outcome;
                },
                reserve};
    }
    void make_sandbox(const common::SandboxId& id) const
    {
        fs::create_directory(layout.sandbox(id).folder);
        write(layout.sandbox(id).overlay, qcow2_bytes(image.string(), disk_size) + "clusters");
    }
    /// Branched and settled, as a checkpoint of a guest's disk does it; `top` moves on.
    Branch branch_off()
    {
        const auto branch = store.branch(a, top);
        BOOST_REQUIRE_MESSAGE(branch.has_value(), (branch ? "" : branch.error().message));
        BOOST_REQUIRE(store.settle(*branch, top));
        top = branch->new_top;
        return *branch;
    }
    [[nodiscard]] Checkpoint described(const common::SnapshotId& id, const fs::path& layer) const
    {
        Checkpoint checkpoint;
        checkpoint.id = id;
        checkpoint.name = "before the upgrade ü";
        checkpoint.spec.id = a;
        checkpoint.spec.tenant = "acme";
        checkpoint.spec.name = "worker";
        checkpoint.spec.image = common::ImageName{"tiny"};
        checkpoint.spec.vcpus = 2;
        checkpoint.spec.memory = common::Bytes::mib(256);
        checkpoint.agent = AgentKind::paddock;
        checkpoint.has_memory = true;
        checkpoint.hypervisor = {"9.0.0", "7.2.0"};
        checkpoint.paused = std::chrono::microseconds{123'456};
        checkpoint.created_at = common::from_unix_us(1'700'000'000'000'001);
        checkpoint.layer = layer;
        return checkpoint;
    }
    static void fill(const StateFiles& files)
    {
        write(files.memory, "memory");
        write(files.device, "devices");
        write(files.domain, "<domain/>");
    }
    Checkpoint take(const common::SnapshotId& id)
    {
        const auto branch = branch_off();
        const auto files = store.begin(id, common::Bytes{6});
        BOOST_REQUIRE(files);
        fill(*files);
        const auto taken = store.commit(described(id, branch.layer));
        BOOST_REQUIRE_MESSAGE(taken.has_value(), (taken ? "" : taken.error().message));
        return *taken;
    }
    Swept swept(const std::set<fs::path>& tops, const std::set<common::SandboxId>& sandboxes)
    {
        const auto swept = store.sweep(tops, sandboxes);
        BOOST_REQUIRE(swept);
        return *swept;
    }
};

} // namespace hostd::storage
