#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct ReadsFixture : CoreFixture {
    /// Five sandboxes, the newest last; the third is somebody else's, the fifth destroyed.
    void some()
    {
        for (int i = 1; i <= 5; ++i) {
            auto one = recorded("sbx-" + std::to_string(i), Phase::running);
            one.created_at = common::from_unix_us(i * 1000);
            one.agent_id = i % 2 == 0 ? "even" : "odd";
            one.labels = {{"number", std::to_string(i)}, {"team", "red"}};
            one.job = common::JobId{"job-" + std::to_string(i)};
            one.phase = i == 5 ? Phase::destroyed : i == 4 ? Phase::stopped : Phase::running;
            one.tenant = i == 3 ? other.tenant : me.tenant;
            store.snapshot.sandboxes.push_back(one);
        }
        run();
    }
    Texts listed(const coordinator::ListFilter& filter)
    {
        Texts ids;
        const auto page = *core->list(me, filter);
        for (const auto& one : page.sandboxes) {
            ids.push_back(one.id.str());
        }
        return ids;
    }
};

const auto each = boost::test_tools::per_element();

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_reads_tests, ReadsFixture)

BOOST_AUTO_TEST_CASE(a_list_has_ones_own_living_sandboxes_newest_first)
{
    some();
    const Texts mine{"sbx-4", "sbx-2", "sbx-1"};
    BOOST_TEST(listed({}) == mine, each);
}

BOOST_AUTO_TEST_CASE(filters_are_exact_and_combine)
{
    some();
    coordinator::ListFilter filter;
    filter.agent_id = "even";
    const Texts even{"sbx-4", "sbx-2"};
    BOOST_TEST(listed(filter) == even, each);
    filter.state = coordinator::State::running;
    BOOST_TEST(listed(filter) == Texts{"sbx-2"}, each);
    filter.labels = {{"number", "2"}, {"team", "red"}};
    BOOST_TEST(listed(filter) == Texts{"sbx-2"}, each);
    filter.labels["team"] = "blue";
    BOOST_TEST(listed(filter).empty());
    filter = {};
    filter.state = coordinator::State::destroyed;
    BOOST_TEST(listed(filter) == Texts{"sbx-5"}, each);
    filter = {};
    filter.name = "sbx-1";
    BOOST_TEST(listed(filter) == Texts{"sbx-1"}, each);
    filter.name = "sbx";
    BOOST_TEST(listed(filter).empty());
    filter = {};
    filter.job_id = "job-2";
    BOOST_TEST(listed(filter) == Texts{"sbx-2"}, each);
    filter = {};
    filter.base_image = "tiny";
    filter.host = "h1";
    BOOST_TEST(listed(filter).size() == 3U);
    filter.host = "h2";
    BOOST_TEST(listed(filter).empty());
}

BOOST_AUTO_TEST_CASE(pages_by_cursor_are_all_of_it_though_some_are_as_old_and_one_goes)
{
    for (int i = 1; i <= 7; ++i) {
        auto one = recorded("sbx-" + std::to_string(i), Phase::running);
        one.created_at = common::from_unix_us(i / 3);
        store.snapshot.sandboxes.push_back(one);
    }
    run();
    coordinator::ListFilter filter;
    filter.page.limit = 2;
    Texts walked;
    do {
        const auto page = *core->list(me, filter);
        for (const auto& one : page.sandboxes) {
            walked.push_back(one.id.str());
        }
        filter.page.after = page.next;
        if (walked.size() == 2) {
            BOOST_TEST(page.total == 7U);
            filter.page.after->key = "sbx-6x"; // As if the last one had been another, gone now.
        }
    } while (filter.page.after);
    const Texts all{"sbx-7", "sbx-6", "sbx-6", "sbx-5", "sbx-4", "sbx-3", "sbx-2", "sbx-1"};
    BOOST_TEST(walked == all, each);
    filter.page = {.limit = 7};
    BOOST_TEST(!core->list(me, filter)->next);
}

BOOST_AUTO_TEST_CASE(a_page_is_cut_out_and_the_total_is_the_whole)
{
    some();
    coordinator::ListFilter filter;
    filter.page = {2, 1};
    const auto page = *core->list(me, filter);
    BOOST_TEST(page.total == 3U);
    BOOST_REQUIRE(page.sandboxes.size() == 2U);
    BOOST_TEST(page.sandboxes[0].id.str() == "sbx-2");
    filter.page = {10, 100};
    BOOST_TEST(core->list(me, filter)->sandboxes.empty());
    BOOST_TEST(core->list(me, filter)->total == 3U);
}

BOOST_AUTO_TEST_CASE(vms_come_from_all_hosts_and_those_that_keep_silent_are_named)
{
    settings.vms_timeout = std::chrono::seconds{2};
    run_with({"h1", "h2", "h3"});
    Later<coordinator::VmListing> vms{[&] { return core->vms(me); }};
    for (int i = 0; i < 3; ++i) {
        const auto sent = expect<coordinator::ListVmsOnHost>();
        if (sent.host.str() == "h1") {
            answer(sent,
                   std::vector<coordinator::ForeignVm>{{"a", "u", "running", true, "", {}, ""}});
        } else if (sent.host.str() == "h2") {
            refuse(sent, ErrorCode::unavailable);
        }
    }
    const auto listing = *vms.get();
    BOOST_REQUIRE(listing.vms.size() == 1U);
    BOOST_TEST(listing.vms[0].host.str() == "h1");
    BOOST_TEST(listing.vms[0].host_address == "h1.example");
    BOOST_REQUIRE(listing.host_errors.size() == 2U);
    BOOST_TEST(listing.host_errors[0].host.str() == "h2");
    BOOST_TEST(listing.host_errors[0].error == "no");
    BOOST_TEST(listing.host_errors[1].host.str() == "h3");
    BOOST_TEST(listing.host_errors[1].error == "it did not answer in time");
    BOOST_TEST(core->metrics().find("paddock_operations_under_way 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_sandbox_uses_is_its_hosts_word)
{
    settings.vms_timeout = std::chrono::seconds{2};
    run_with({"h1"});
    const auto sandbox = running();
    Later<coordinator::Reading> read{[&] { return core->reading(me, sandbox.id, 100); }};
    auto sent = expect<coordinator::ReadOnHost>();
    const auto& asked = std::get<coordinator::ReadOnHost>(sent.command.what);
    BOOST_TEST(asked.id == sandbox.id);
    BOOST_TEST(asked.console_bytes == 100U);
    coordinator::Reading reading;
    reading.running = true;
    reading.console = "login:";
    answer(sent, reading);
    BOOST_TEST(read.get()->console == "login:");

    Later<coordinator::Reading> refused{[&] { return core->reading(me, sandbox.id, 0); }};
    refuse(expect<coordinator::ReadOnHost>(), ErrorCode::unavailable);
    BOOST_TEST((refused.get().error().code == ErrorCode::unavailable));
    Later<coordinator::Reading> silent{[&] { return core->reading(me, sandbox.id, 0); }};
    static_cast<void>(expect<coordinator::ReadOnHost>());
    BOOST_TEST(silent.get().error().reason == "host_unreachable");
    auto stranger = me;
    stranger.tenant = "another";
    BOOST_TEST((core->reading(stranger, sandbox.id, 0).error().code == ErrorCode::not_found));
    BOOST_TEST(core->metrics().find("paddock_operations_under_way 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(vms_of_no_hosts_are_none)
{
    run();
    BOOST_TEST(core->vms(me)->vms.empty());
}

BOOST_AUTO_TEST_CASE(an_address_that_does_not_come_is_a_timeout)
{
    settings.ip_timeout = std::chrono::milliseconds{10};
    some();
    BOOST_TEST(reason_of(core->ip(me, SandboxId{"sbx-1"})) == "ip_timeout");
    BOOST_TEST(reason_of(core->ip(me, SandboxId{"sbx-4"})) == "wrong_state");
    BOOST_CHECK(core->ip(me, SandboxId{"sbx-5"}).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(health_needs_a_database_and_a_host)
{
    run();
    BOOST_TEST(!core->health().ready);
    connect("h1");
    settle();
    BOOST_TEST(core->health().ready);
    store.fail(ErrorCode::unavailable);
    const auto health = core->health();
    BOOST_TEST(!health.ready);
    BOOST_TEST(health.components.at(0).name == "database");
    BOOST_TEST(health.components.at(0).detail == "down");
}

BOOST_AUTO_TEST_CASE(metrics_count_phases_hosts_and_work)
{
    some();
    connect("h1", {report(SandboxId{"sbx-1"}, Phase::running)});
    settle();
    const auto text = core->metrics();
    BOOST_TEST(text.find("paddock_sandboxes{phase=\"destroyed\"} 1\n") != std::string::npos);
    BOOST_TEST(text.find("paddock_hosts{health=\"ready\"} 1\n") != std::string::npos);
    BOOST_TEST(text.find("paddock_creates_total 0\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
