#include "coordinator/core/fleet.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

using namespace coordinator;
using common::Bytes;
using common::HostName;
using common::SandboxId;

namespace {

Sandbox sandbox(const std::string& id, const std::string& host = "h1", Phase phase = Phase::running)
{
    Sandbox one;
    one.id = SandboxId{id};
    one.tenant = "t";
    one.name = id;
    one.host = HostName{host};
    one.vcpus = 2;
    one.memory = Bytes::mib(100);
    one.overhead = Bytes::mib(10);
    one.phase = phase;
    return one;
}

void add_host(Fleet& fleet, const std::string& name, const std::string& digest)
{
    auto& known = fleet.hosts()[HostName{name}];
    known.host.name = HostName{name};
    known.host.health = HostHealth::ready;
    Image image;
    image.name = common::ImageName{"tiny"};
    image.digest = digest;
    known.host.facts.images = {image};
}

Host usage(const Fleet& fleet, const std::string& name)
{
    KnownHost known;
    known.host.name = HostName{name};
    return fleet.with_usage(known);
}

} // namespace

BOOST_AUTO_TEST_SUITE(fleet_tests)

BOOST_AUTO_TEST_CASE(a_sandbox_is_charged_until_it_is_destroyed)
{
    Fleet fleet;
    for (const auto phase : {Phase::placing, Phase::stopped, Phase::lost, Phase::error}) {
        fleet.put(sandbox("sbx-1", "h1", phase));
        BOOST_TEST(usage(fleet, "h1").used_vcpus == 2U);
        BOOST_TEST(usage(fleet, "h1").used_memory.mib() == 110U);
        BOOST_TEST(fleet.on(HostName{"h1"}).size() == 1U);
    }
    fleet.put(sandbox("sbx-1", "h1", Phase::destroyed));
    BOOST_TEST(usage(fleet, "h1").used_vcpus == 0U);
    BOOST_TEST(usage(fleet, "h1").used_memory.count() == 0U);
    BOOST_TEST(usage(fleet, "h1").sandboxes == 0U);
    BOOST_TEST(fleet.on(HostName{"h1"}).empty());
    BOOST_CHECK(fleet.named("t", "sbx-1") == nullptr);
    BOOST_CHECK(fleet.find(SandboxId{"sbx-1"}) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_moves_takes_its_charge_along)
{
    Fleet fleet;
    fleet.put(sandbox("sbx-1", "h1"));
    fleet.put(sandbox("sbx-1", "h2"));
    BOOST_TEST(usage(fleet, "h1").sandboxes == 0U);
    BOOST_TEST(usage(fleet, "h2").sandboxes == 1U);
    BOOST_TEST(fleet.on(HostName{"h2"}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_name_of_a_destroyed_sandbox_stays_with_its_next_owner)
{
    Fleet fleet;
    fleet.put(sandbox("sbx-1", "h1", Phase::destroyed));
    auto next = sandbox("sbx-2");
    next.name = "sbx-1";
    fleet.put(next);
    fleet.put(sandbox("sbx-1", "h1", Phase::destroyed)); // Written again.
    fleet.erase(SandboxId{"sbx-1"});
    BOOST_REQUIRE(fleet.named("t", "sbx-1") != nullptr);
    BOOST_TEST(fleet.named("t", "sbx-1")->str() == "sbx-2");
    BOOST_CHECK(fleet.named("u", "sbx-1") == nullptr);
}

BOOST_AUTO_TEST_CASE(of_differing_digests_the_one_that_most_hosts_have_counts)
{
    Fleet fleet;
    add_host(fleet, "a", "old");
    add_host(fleet, "b", "new");
    add_host(fleet, "c", "new");
    const auto image = *fleet.image(common::ImageName{"tiny"}, "t");
    BOOST_TEST(image.digest == "new");
    BOOST_TEST(image.hosts.size() == 2U);
    const auto one = sandbox("sbx-1", "a", Phase::placing);
    const auto view = fleet.view(image, one);
    BOOST_TEST(!view.at(0).has_image);
    BOOST_TEST(view.at(1).has_image);
    BOOST_CHECK(fleet.image(common::ImageName{"none"}, "t") == nullptr);
}

BOOST_AUTO_TEST_CASE(an_image_of_a_tenant_counts_for_that_tenant_alone)
{
    Fleet fleet;
    add_host(fleet, "a", "everybodys");
    add_host(fleet, "b", "theirs");
    add_host(fleet, "c", "theirs");
    const common::ImageName tiny{"tiny"};
    for (const auto* name : {"b", "c"}) {
        fleet.host(HostName{name})->host.facts.images.front().tenant = "t";
    }
    fleet.images_changed();
    BOOST_TEST(fleet.image(tiny, "t")->digest == "theirs");
    BOOST_TEST(fleet.image(tiny, "u")->digest == "everybodys");
    BOOST_TEST(fleet.images("u").at(0).digest == "everybodys");
    fleet.hosts().erase(HostName{"a"});
    fleet.images_changed();
    BOOST_CHECK(fleet.image(tiny, "u") == nullptr);
    BOOST_TEST(fleet.images("u").empty());
    BOOST_CHECK(fleet.image(tiny, "") == nullptr);
    BOOST_REQUIRE(fleet.host_with(tiny) != nullptr);
    BOOST_TEST(fleet.host_with(tiny)->host.name.str() == "b");
    BOOST_CHECK(fleet.host_with(common::ImageName{"none"}) == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_being_started_is_counted_in_the_view)
{
    Fleet fleet;
    add_host(fleet, "h1", "d");
    fleet.put(sandbox("sbx-1", "h1", Phase::placing));
    fleet.put(sandbox("sbx-2", "h1", Phase::starting));
    fleet.put(sandbox("sbx-3", "h1", Phase::running));
    const auto image = *fleet.image(common::ImageName{"tiny"}, "t");
    const auto one = sandbox("sbx-4", "h1", Phase::placing);
    BOOST_TEST(fleet.view(image, one).at(0).starting == 2U);
    fleet.put(sandbox("sbx-1", "h1", Phase::running));
    fleet.put(sandbox("sbx-2", "h1", Phase::destroyed));
    BOOST_TEST(fleet.view(image, one).at(0).starting == 0U);
}

BOOST_AUTO_TEST_CASE(others_of_a_group_are_counted_where_they_are)
{
    Fleet fleet;
    for (const auto* name : {"h1", "h2", "h3"}) {
        add_host(fleet, name, "d");
    }
    const auto of_group = [](const std::string& id, const std::string& host) {
        auto one = sandbox(id, host, Phase::running);
        one.wants.group = "web";
        return one;
    };
    fleet.put(of_group("sbx-1", "h1"));
    fleet.put(of_group("sbx-2", "h1"));
    fleet.put(sandbox("sbx-3", "h2", Phase::running)); // Of none.
    auto theirs = of_group("sbx-4", "h2");
    theirs.tenant = "u";
    fleet.put(theirs);
    const auto image = *fleet.image(common::ImageName{"tiny"}, "t");
    auto wanted = of_group("sbx-5", "h1");
    const auto mates = [&] {
        std::vector<unsigned> counts;
        const auto view = fleet.view(image, wanted);
        for (std::size_t i = 0; i < view.size; ++i) {
            counts.push_back(view.at(i).group_mates);
        }
        return counts;
    };
    using Counts = std::vector<unsigned>;
    BOOST_CHECK((mates() == Counts{2, 0, 0}));
    wanted = *fleet.find(SandboxId{"sbx-1"}); // It does not keep itself away from where it is.
    BOOST_CHECK((mates() == Counts{1, 0, 0}));
    wanted = of_group("sbx-5", "h1");
    wanted.wants.spread_by = "rack";
    BOOST_CHECK((mates() == Counts{0, 0, 0})); // No host says in which it is.
    fleet.host(HostName{"h1"})->host.wish.labels = {{"rack", "a"}};
    fleet.host(HostName{"h2"})->host.wish.labels = {{"rack", "a"}};
    fleet.host(HostName{"h3"})->host.wish.labels = {{"rack", "b"}};
    BOOST_CHECK((mates() == Counts{2, 2, 0}));
    fleet.put(of_group("sbx-2", "h3"));
    BOOST_CHECK((mates() == Counts{1, 1, 1}));
    auto gone = of_group("sbx-1", "h1");
    gone.phase = Phase::destroyed;
    fleet.put(gone);
    fleet.erase(SandboxId{"sbx-2"});
    BOOST_CHECK((mates() == Counts{0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(placement_goes_by_what_hosts_and_operators_say)
{
    Fleet fleet;
    add_host(fleet, "h1", "d");
    auto& host = fleet.host(HostName{"h1"})->host;
    host.wish.taints = {{"gpu", ""}};
    host.facts.accel = "tcg";
    host.facts.cores = 4;
    host.facts.load1 = 2;
    host.facts.memory = common::Bytes::mib(1000);
    host.facts.memory_available = common::Bytes::mib(250);
    const auto image = *fleet.image(common::ImageName{"tiny"}, "t");
    const auto one = sandbox("sbx-1", "h1", Phase::placing);
    const std::set<HostName> warm{HostName{"h1"}};
    const auto view = fleet.view(image, one, &warm).at(0);
    BOOST_TEST(view.taints->contains("gpu"));
    BOOST_TEST(view.accelerator == "tcg");
    BOOST_TEST(view.load == 0.5);
    BOOST_TEST(view.memory_available == 0.25);
    BOOST_TEST(view.is_warm);
    BOOST_TEST(!fleet.view(image, one).at(0).is_warm);
}

BOOST_AUTO_TEST_CASE(after_any_changes_the_usage_is_the_sum_of_what_lives)
{
    constexpr unsigned rounds = 50;
    for (unsigned seed = 1; seed <= rounds; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            std::mt19937 random{seed};
            const auto pick = [&random](int high) {
                return std::uniform_int_distribution<int>{0, high}(random);
            };
            Fleet fleet;
            for (int i = 0; i < 200; ++i) {
                const auto id = "sbx-" + std::to_string(pick(10));
                if (pick(9) == 0) {
                    fleet.erase(SandboxId{id});
                    continue;
                }
                fleet.put(sandbox(id,
                                  "h" + std::to_string(pick(2)),
                                  static_cast<Phase>(pick(static_cast<int>(Phase::error)))));
            }
            for (const auto* host : {"h0", "h1", "h2"}) {
                unsigned living = 0;
                unsigned charged = 0;
                for (const auto& [id, one] : fleet.sandboxes()) {
                    const bool lives = one.host.str() == host && one.phase != Phase::destroyed;
                    living += lives ? 1 : 0;
                    charged += lives && one.phase != Phase::suspended ? 1 : 0;
                }
                BOOST_TEST(usage(fleet, host).sandboxes == living);
                BOOST_TEST(usage(fleet, host).used_vcpus == charged * 2);
                BOOST_TEST(usage(fleet, host).used_memory.mib() == charged * 110);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(
    what_is_suspended_needs_room_and_what_is_charged_has_it_until_too_much_was_promised)
{
    Fleet fleet;
    add_host(fleet, "h1", "d1");
    auto& facts = fleet.host(HostName{"h1"})->host.facts;
    facts.capacity_vcpus = 8;
    facts.capacity_memory = Bytes::mib(220);
    fleet.put(sandbox("sbx-1", "h1", Phase::suspended));
    fleet.put(sandbox("sbx-2", "h1", Phase::running));
    BOOST_TEST(fleet.shortage(sandbox("sbx-1")) == "");
    fleet.put(sandbox("sbx-3", "h1", Phase::stopped));
    BOOST_TEST(fleet.shortage(sandbox("sbx-1")) == "0 MiB of memory free of 220, 110 needed");
    BOOST_TEST(fleet.shortage(sandbox("sbx-3")) == "");
    BOOST_TEST(fleet.shortage(sandbox("sbx-2")) == "");
    fleet.put(sandbox("sbx-1", "h1", Phase::stopped)); // Promised to two, and there for one.
    BOOST_TEST(fleet.shortage(sandbox("sbx-1")) == "");
    fleet.put(sandbox("sbx-3", "h1", Phase::starting));
    BOOST_TEST(fleet.shortage(sandbox("sbx-1")) == "0 MiB of memory free of 220, 110 needed");
    facts.capacity_memory = Bytes::mib(1000);
    facts.capacity_vcpus = 5;
    BOOST_TEST(fleet.shortage(sandbox("sbx-1")) == "1 vCPUs free of 5, 2 needed");
    BOOST_TEST(fleet.shortage(sandbox("sbx-9", "h9")) == "its host has never connected");
}

BOOST_AUTO_TEST_SUITE_END()
