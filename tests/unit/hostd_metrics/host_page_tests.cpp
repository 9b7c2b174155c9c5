#include "hostd/metrics/host_page.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::metrics;
using common::SandboxId;

namespace {

bool has(const HostFigures& figures, const std::string& line)
{
    return page_of(figures).text().find("\n" + line + "\n") != std::string::npos;
}

HostFigures serving()
{
    HostFigures figures;
    figures.link_up = figures.libvirt_up = true;
    figures.link_waiting = 7;
    figures.service.emplace();
    figures.service->sandboxes = {{SandboxId{"sbx-1"}, Phase::running},
                                  {SandboxId{"sbx-2"}, Phase::paused}};
    return figures;
}

} // namespace

BOOST_AUTO_TEST_SUITE(host_page_tests)

BOOST_AUTO_TEST_CASE(each_phase_is_told_also_when_nothing_is_in_it)
{
    const auto figures = serving();
    BOOST_TEST(has(figures, "paddock_hostd_sandboxes{phase=\"running\"} 1"));
    BOOST_TEST(has(figures, "paddock_hostd_sandboxes{phase=\"stopped\"} 0"));
    BOOST_TEST(has(figures, "paddock_hostd_link_up 1"));
    BOOST_TEST(has(figures, "paddock_hostd_link_queue_length 7"));
}

BOOST_AUTO_TEST_CASE(a_loop_that_does_not_answer_is_told_and_nothing_is_made_up_for_it)
{
    auto figures = serving();
    BOOST_TEST(has(figures, "paddock_hostd_loop_up 1"));
    BOOST_TEST(has(figures, "paddock_hostd_fenced 0"));
    figures.service.reset();
    BOOST_TEST(has(figures, "paddock_hostd_loop_up 0"));
    BOOST_TEST(!has(figures, "paddock_hostd_fenced 0"));
}

BOOST_AUTO_TEST_CASE(only_sandboxes_of_this_host_are_told_of)
{
    auto figures = serving();
    figures.usage.usages = {{SandboxId{"sbx-1"}, {}}, {SandboxId{"sbx-9"}, {}}};
    figures.usage.usages[0].reading.cpu = std::chrono::milliseconds{1500};
    figures.usage.usages[1].reading.cpu = std::chrono::milliseconds{1500};
    BOOST_TEST(has(figures, "paddock_sandbox_cpu_seconds_total{sandbox=\"sbx-1\"} 1.5"));
    BOOST_TEST(page_of(figures).text().find("sbx-9") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_host_without_a_fence_has_no_silence)
{
    auto figures = serving();
    BOOST_TEST(page_of(figures).text().find("\npaddock_hostd_leader_silence_seconds ") ==
               std::string::npos);
    figures.service->leader_silence = std::chrono::milliseconds{2500};
    BOOST_TEST(has(figures, "paddock_hostd_leader_silence_seconds 2.5"));
}

BOOST_AUTO_TEST_SUITE_END()
