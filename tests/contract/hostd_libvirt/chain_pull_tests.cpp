#include "hostd/libvirt/chain_pull.hpp"
#include "tests/contract/hostd_libvirt/states.hpp"

#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(chain_pull_tests, States)

/// Its old tops are there under their names as layers alone, as the store leaves them.
BOOST_AUTO_TEST_CASE(a_chain_is_pulled_while_its_guest_runs)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto take = [&](const std::string& name) {
        const auto top = must(hypervisor.top_of(id));
        auto wanted = request(id, name);
        wanted.new_top = States::branch(top, name);
        must(engine.capture(wanted));
        fs::remove(top);
    };
    for (const auto* name : {"one", "two", "three"}) {
        take(name);
    }
    const auto base = source.image.disk;
    must(hypervisor.pull_down_to(id, base, std::chrono::seconds{20}));
    const auto top = must(hypervisor.top_of(id));
    BOOST_TEST(top.filename() == "three.qcow2");
    const auto lies_on = [&](const fs::path& file) {
        const auto info = nlohmann::json::parse(
            libvirt.inside({"qemu-img", "info", "-U", "--output=json", file}));
        return info.value("backing-filename", std::string{});
    };
    BOOST_TEST(lies_on(top) == base.string());
    for (const auto* name : {"one", "two", "three"}) {
        fs::remove(folder() / (std::string{name} + ".layer.qcow2"));
    }
    await_counting(id.str());
    take("four"); // libvirt knows how it is now.
    await_counting(id.str());
    must(hypervisor.pause(id));
    must(hypervisor.pull_down_to(id, base, std::chrono::seconds{20}));
    BOOST_TEST(lies_on(must(hypervisor.top_of(id))) == base.string());
    fs::remove(folder() / "four.layer.qcow2");
    must(hypervisor.kill(id));
    must(hypervisor.start(id));
    refused(hypervisor.pull_down_to(id, "/no/such/file", std::chrono::seconds{20}),
            ErrorCode::internal);
}

BOOST_AUTO_TEST_SUITE_END()
