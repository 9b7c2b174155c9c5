#include "tests/unit/coordinator_core/pool_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_pools_tests, PoolFixture)

BOOST_AUTO_TEST_CASE(a_pool_fills_itself_with_clones_of_one_that_booted)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(2)).has_value());
    const auto first = source();
    const auto one = expect<CreateOnHost>();
    const auto two = expect<CreateOnHost>();
    for (const auto& sent : {one, two}) {
        const auto& what = std::get<CreateOnHost>(sent.command.what);
        BOOST_TEST(what.from_snapshot->str() == source_checkpoint.str());
        BOOST_TEST(what.warm);
        BOOST_TEST(what.start);
        BOOST_TEST(what.sandbox.tenant == common::pool_tenant);
    }
    BOOST_TEST(on_host().filling == 2U);
    done(one, id_in(one), Phase::paused);
    done(two, id_in(two), Phase::paused);
    await_ready(2);
    eventually([&] { return state().refills == 2; }, "both counted");
    BOOST_TEST(state().target == 2U);
    // Of nobody else's business.
    BOOST_TEST(core->list(me, {})->total == 0U);
    BOOST_TEST(reason_of(core->get(me, id_in(one))) == "not_found");
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 500U); // Not the source's.
    BOOST_TEST(store.sandbox(first)->pool_source);
}

BOOST_AUTO_TEST_CASE(where_memory_cannot_be_cloned_each_of_them_boots)
{
    run_on(facts_with("portable"));
    BOOST_REQUIRE(core->create_pool(me, pool(2)).has_value());
    for (int i = 0; i < 2; ++i) {
        const auto sent = expect<CreateOnHost>();
        BOOST_TEST(!std::get<CreateOnHost>(sent.command.what).from_snapshot.has_value());
        done(sent, id_in(sent), Phase::paused);
    }
    await_ready(2);
}

BOOST_AUTO_TEST_CASE(a_create_gets_one_that_stands_ready_and_another_takes_its_place)
{
    run_on(facts_with("fast"));
    const auto ready = filled(1);
    auto what = wants(WarmUse::require);
    what.name = "mine";
    what.labels = {{"a", "b"}};
    auto asked = create(what);
    const auto sent = expect<ClaimOnHost>();
    const auto& claim = std::get<ClaimOnHost>(sent.command.what);
    BOOST_TEST(claim.sandbox.id.str() == ready.begin()->str());
    BOOST_TEST(claim.sandbox.tenant == "t");
    BOOST_TEST(claim.sandbox.name == "mine");
    BOOST_TEST(sent.command.generation == 2U);
    done(sent, claim.sandbox.id, Phase::running);
    const auto made = asked.get();
    BOOST_REQUIRE(made.has_value());
    BOOST_CHECK(made->phase == Phase::running);
    BOOST_TEST(made->labels.at("a") == "b");
    BOOST_TEST(made->pool.empty());
    BOOST_TEST(store.sandbox(made->id)->tenant == "t");
    BOOST_TEST(state().hits == 1U);
    const auto next = warm();
    await_ready(1);
    BOOST_TEST(next.str() != made->id.str());
    BOOST_TEST(core->list(me, {})->total == 1U);
    const auto rows = store.audit_of(made->id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.claim ok") == 1);
}

BOOST_AUTO_TEST_CASE(two_callers_never_get_the_same)
{
    run_on(facts_with("fast"));
    const auto ready = filled(2);
    auto one = create(wants(WarmUse::require));
    auto two = create(wants(WarmUse::require));
    std::set<SandboxId> given;
    while (given.size() < 2) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<ClaimOnHost>(sent.command.what)) {
            BOOST_TEST(given.insert(claimed_in(sent)).second);
            done(sent, claimed_in(sent), Phase::running);
        }
    }
    BOOST_TEST((given == ready));
    BOOST_TEST(one.get()->id.str() != two.get()->id.str());
}

BOOST_AUTO_TEST_CASE(one_that_is_dead_is_never_handed_out)
{
    run_on(facts_with("fast"));
    const auto dead = *filled(1).begin();
    auto asked = create(wants());
    refuse(expect<ClaimOnHost>(), ErrorCode::unavailable, "not_warm");
    // Its end and the next one's beginning, in any order with what refills the pool.
    bool destroyed = false;
    std::optional<SandboxId> another;
    while (!destroyed || !another) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
            BOOST_TEST(std::get<DestroyOnHost>(sent.command.what).id.str() == dead.str());
            answer(sent, std::monostate{});
            destroyed = true;
        } else if (!std::get<CreateOnHost>(sent.command.what).warm) {
            BOOST_TEST(std::get<CreateOnHost>(sent.command.what).from_snapshot.has_value());
            another = id_in(sent);
            done(sent, *another, Phase::running);
        }
    }
    const auto made = asked.get();
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->id.str() == another->str());
    BOOST_TEST(made->id.str() != dead.str());
    await_stored(dead, Phase::destroyed);
    BOOST_TEST(store.sandbox(dead)->tenant == common::pool_tenant);
    BOOST_TEST(state().dead == 1U);
}

BOOST_AUTO_TEST_CASE(what_dies_while_it_stands_ready_is_replaced)
{
    run_on(facts_with("fast"));
    const auto dead = *filled(1).begin();
    status("h1", report(dead, Phase::stopped));
    bool destroyed = false;
    std::optional<SandboxId> another;
    while (!destroyed || !another) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
            answer(sent, std::monostate{});
            destroyed = true;
        } else {
            another = id_in(sent);
            done(sent, *another, Phase::paused);
        }
    }
    await_ready(1);
    BOOST_TEST(state().dead == 1U);
}

BOOST_AUTO_TEST_CASE(another_tenants_pool_is_not_told_of)
{
    auto has = facts_with("fast");
    has.images.front().tenant = other.tenant;
    run_on(has);
    auto has_mine = facts_with("fast", "d2");
    has_mine.images.front().tenant = me.tenant;
    connect_second(has_mine);
    BOOST_REQUIRE(core->create_pool(other, pool(0)).has_value());
    const auto refused = core->create(me, wants(WarmUse::require));
    BOOST_TEST(reason_of(refused) == "pool_empty");
    const auto theirs = core->create(other, wants(WarmUse::require));
    BOOST_TEST(theirs.error().details ==
               "h1: of pool tiny 0 are ready, 0 are being made\nh2: it does not have the image");
    BOOST_TEST(refused.error().details.starts_with("no pool is of image tiny, "));
}

BOOST_AUTO_TEST_CASE(who_finds_it_empty_gets_a_clone_of_the_source)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(0)).has_value());
    static_cast<void>(source());
    const auto refused = core->create(me, wants(WarmUse::require));
    BOOST_TEST(reason_of(refused) == "pool_empty");
    BOOST_TEST(refused.error().details == "h1: of pool tiny 0 are ready, 0 are being made");
    auto asked = create(wants());
    const auto sent = expect<CreateOnHost>();
    const auto& what = std::get<CreateOnHost>(sent.command.what);
    BOOST_TEST(what.from_snapshot->str() == source_checkpoint.str());
    BOOST_TEST(!what.warm);
    BOOST_TEST(what.sandbox.tenant == "t");
    done(sent, what.sandbox.id, Phase::running);
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(state().misses == 2U);
    // Made for its caller alone, from the image, whatever there is.
    auto skipped = create(wants(WarmUse::skip));
    const auto cold = expect<CreateOnHost>();
    BOOST_TEST(!std::get<CreateOnHost>(cold.command.what).from_snapshot.has_value());
    done(cold, id_in(cold), Phase::running);
    BOOST_TEST(skipped.get().has_value());
}

BOOST_AUTO_TEST_CASE(if_it_cannot_be_cloned_it_boots)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(0)).has_value());
    static_cast<void>(source());
    auto asked = create(wants());
    const auto clone = expect<CreateOnHost>();
    refuse(clone, ErrorCode::unavailable, "host_failed");
    const auto sent = expect<CreateOnHost>();
    BOOST_TEST(!std::get<CreateOnHost>(sent.command.what).from_snapshot.has_value());
    BOOST_TEST(id_in(sent).str() != id_in(clone).str());
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(asked.get().has_value());
    BOOST_CHECK(store.sandbox(id_in(clone))->phase == Phase::destroyed);
    BOOST_TEST(!on_host().error.empty());
}

BOOST_AUTO_TEST_SUITE_END()
