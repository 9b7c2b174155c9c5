#include "tests/unit/coordinator_core/pool_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_pools_keeping_tests, PoolFixture)

BOOST_AUTO_TEST_CASE(another_shape_is_another_matter)
{
    run_on(facts_with("fast"));
    static_cast<void>(filled(1));
    auto what = wants(WarmUse::require);
    what.memory = Bytes::mib(128);
    BOOST_TEST(reason_of(core->create(me, what)) == "pool_empty");
    what.memory.reset();
    what.network = coordinator::NetworkMode::none;
    BOOST_TEST(reason_of(core->create(me, what)) == "pool_empty");
    BOOST_TEST(state().misses == 0U);
}

BOOST_AUTO_TEST_CASE(a_claim_that_was_not_written_down_leaves_it_ready)
{
    run_on(facts_with("fast"));
    const auto ready = *filled(1).begin();
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(core->create(me, wants())) == "database_unavailable");
    store.recover();
    await_ready(1);
    auto asked = create(wants(WarmUse::require));
    const auto sent = expect<ClaimOnHost>();
    BOOST_TEST(claimed_in(sent).str() == ready.str());
    done(sent, ready, Phase::running);
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_claim_that_a_coordinator_died_in_belongs_to_nobody)
{
    run_on(facts_with("fast"));
    const auto ready = *filled(1).begin();
    auto asked = create(wants());
    static_cast<void>(expect<ClaimOnHost>());
    crash_and_restart();
    static_cast<void>(asked.get());
    connect_with(facts_with("fast"), {report(ready, Phase::running, 2)});
    bool destroyed = false;
    while (!destroyed) {
        const auto sent = link.commands.take();
        const auto* what = std::get_if<DestroyOnHost>(&sent.command.what);
        if (what != nullptr && what->id.str() == ready.str()) {
            answer(sent, std::monostate{});
            destroyed = true;
        }
    }
    await_stored(ready, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_starts_anew_finds_what_stands_ready)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    const auto first = source();
    const auto ready = warm();
    await_ready(1);
    await_stored(ready, Phase::paused);
    await_stored(first, Phase::suspended);
    crash_and_restart();
    connect_with(facts_with("fast"),
                 {report(ready, Phase::paused), report(first, Phase::suspended, 2)},
                 {made(first, source_checkpoint, "source")});
    await_ready(1);
    BOOST_TEST(on_host().source == "ready");
    auto asked = create(wants(WarmUse::require));
    const auto sent = expect<ClaimOnHost>();
    done(sent, claimed_in(sent), Phase::running);
    BOOST_TEST(asked.get()->id.str() == ready.str());
}

BOOST_AUTO_TEST_CASE(what_a_pool_has_goes_with_it)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    const auto first = source();
    const auto ready = warm();
    await_ready(1);
    BOOST_TEST(core->delete_pool(me, "tiny")->pool.name == "tiny");
    for (int i = 0; i < 2; ++i) {
        answer(expect<DestroyOnHost>(), std::monostate{});
    }
    await_stored(first, Phase::destroyed);
    await_stored(ready, Phase::destroyed);
    BOOST_TEST(reason_of(core->pool(me, "tiny")) == "unknown_pool");
    BOOST_TEST(core->pools(me)->empty());
    crash_and_restart();
    BOOST_TEST(core->pools(me)->empty());
}

BOOST_AUTO_TEST_CASE(warm_ones_give_way_to_what_somebody_asked_for)
{
    run_on(facts_with("fast"));
    const auto ready = filled(3); // 750 of 1000 MiB.
    auto what = wants();
    what.memory = Bytes::mib(600);
    auto asked = create(what);
    for (int i = 0; i < 2; ++i) {
        const auto sent = expect<DestroyOnHost>();
        BOOST_TEST(ready.contains(std::get<DestroyOnHost>(sent.command.what).id));
        answer(sent, std::monostate{});
    }
    const auto sent = expect<CreateOnHost>();
    BOOST_TEST(std::get<CreateOnHost>(sent.command.what).sandbox.memory.mib() == 600U);
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(asked.get().has_value());
    // More than there is even without them: they stay.
    what.memory = Bytes::mib(900);
    BOOST_TEST(reason_of(core->create(me, what)) == "no_capacity");
    BOOST_TEST(on_host().ready == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_older_than_its_image_is_replaced)
{
    run_on(facts_with("fast"));
    static_cast<void>(filled(1));
    link.say(coordinator::HostBeat{HostName{"h1"}, facts_with("fast", "d2")});
    std::size_t destroyed = 0;
    std::optional<FakeLink::Sent> next;
    while (destroyed < 2 || !next) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
            answer(sent, std::monostate{});
            ++destroyed;
        } else {
            next = sent;
        }
    }
    BOOST_TEST(std::get<CreateOnHost>(next->command.what).sandbox.image_digest == "d2");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_pool_is_refused)
{
    run_on(facts_with("fast"));
    auto what = pool(3, 2);
    BOOST_TEST(reason_of(core->create_pool(me, what)) == "invalid_argument");
    what = pool(0);
    what.image = common::ImageName{"none"};
    BOOST_TEST(reason_of(core->create_pool(me, what)) == "unknown_image");
    BOOST_TEST(core->create_pool(me, pool(0)).has_value());
    BOOST_TEST(reason_of(core->create_pool(me, pool(0))) == "pool_exists");
    what = pool(0);
    what.name = "same";
    BOOST_TEST(reason_of(core->create_pool(me, what)) == "pool_exists");
    BOOST_TEST(reason_of(core->change_pool(me, "tiny", {5, 4, {}})) == "invalid_argument");
    BOOST_TEST(reason_of(core->change_pool(me, "none", {})) == "unknown_pool");
    BOOST_TEST(reason_of(core->delete_pool(me, "none")) == "unknown_pool");
    static_cast<void>(source());
    BOOST_TEST(core->change_pool(me, "tiny", {{}, 7, {}})->pool.max == 7U);
}

BOOST_AUTO_TEST_CASE(an_image_without_our_agent_has_no_pool)
{
    auto has = facts_with("fast");
    has.images.front().agent = "qemu";
    run_on(has);
    BOOST_TEST(reason_of(core->create_pool(me, pool(0))) == "no_agent");
}

BOOST_AUTO_TEST_CASE(a_source_that_fails_is_made_again_later)
{
    run_on(facts_with("fast"));
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    const auto sent = expect<CreateOnHost>();
    refuse(sent, ErrorCode::resource_exhausted, "disk_full");
    eventually([&] { return !on_host().error.empty(); }, "what is wrong");
    BOOST_TEST(state().failures == 1U);
    BOOST_TEST(on_host().source == "none");
    settle();
    BOOST_TEST(link.commands.empty()); // Not at every tick.
}

BOOST_AUTO_TEST_CASE(a_host_that_does_not_answer_a_claim_costs_its_caller_a_moment)
{
    settings.claim_timeout = std::chrono::milliseconds{1};
    run_on(facts_with("fast"));
    const auto silent = *filled(1).begin();
    auto asked = create(wants());
    const auto claim = expect<ClaimOnHost>();
    std::optional<FakeLink::Sent> destroy;
    std::optional<FakeLink::Sent> made;
    while (!destroy || !made) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
            destroy = sent;
        } else if (!std::get<CreateOnHost>(sent.command.what).warm) {
            made = sent;
        }
    }
    done(claim, silent, Phase::running); // Too late.
    done(*made, id_in(*made), Phase::running);
    BOOST_TEST(asked.get()->id.str() == id_in(*made).str());
    answer(*destroy, std::monostate{});
    await_stored(silent, Phase::destroyed);
}

/// Nobody could ever ask for its end.
BOOST_AUTO_TEST_CASE(a_dead_one_goes_also_if_the_database_is_away_just_then)
{
    run_on(facts_with("fast"));
    const auto dead = *filled(1).begin();
    auto asked = create(wants());
    const auto claim = expect<ClaimOnHost>();
    store.fail(ErrorCode::unavailable);
    refuse(claim, ErrorCode::unavailable, "not_warm");
    BOOST_TEST(reason_of(asked.get()) == "database_unavailable");
    store.recover();
    const auto sent = link.commands.take_until([&](const auto& one) {
        const auto* what = std::get_if<DestroyOnHost>(&one.command.what);
        return what != nullptr && what->id.str() == dead.str();
    });
    answer(sent, std::monostate{});
    await_stored(dead, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(many_who_need_room_get_it)
{
    run_on(facts_with("fast"));
    static_cast<void>(filled(3)); // 750 of 1000 MiB.
    auto what = wants();
    what.memory = Bytes::mib(400);
    auto one = create(what);
    auto two = create(what);
    std::set<SandboxId> gone;
    std::size_t made = 0;
    while (made < 2) {
        const auto sent = link.commands.take();
        if (const auto* destroy = std::get_if<DestroyOnHost>(&sent.command.what);
            destroy != nullptr) {
            gone.insert(destroy->id);
            answer(sent, std::monostate{});
        } else if (std::get<CreateOnHost>(sent.command.what).sandbox.tenant == "t") {
            done(sent, id_in(sent), Phase::running);
            ++made;
        }
    }
    BOOST_TEST(one.get().has_value());
    BOOST_TEST(two.get().has_value());
    BOOST_TEST(gone.size() == 3U);
}

/// Who is told so may ask again, under his key too: what he asked for is not made later.
BOOST_AUTO_TEST_CASE(who_waits_for_room_in_vain_is_told_so_and_it_is_not_made)
{
    settings.boot_timeout = std::chrono::milliseconds{50};
    run_on(facts_with("fast"));
    static_cast<void>(filled(3));
    auto what = wants();
    what.memory = Bytes::mib(400);
    auto asked = create(what);
    const auto leaving = expect<DestroyOnHost>();
    BOOST_TEST(reason_of(asked.get()) == "no_capacity");
    answer(leaving, std::monostate{});
    await_stored(std::get<DestroyOnHost>(leaving.command.what).id, Phase::destroyed);
    settle();
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(core->list(me, {})->total == 0U);
}

BOOST_AUTO_TEST_CASE(what_wakes_does_not_wait_for_room_for_ever)
{
    settings.pause_timeout = std::chrono::seconds{1};
    run_on(facts_with("fast"));
    const auto id = suspended(wants(WarmUse::skip));
    static_cast<void>(filled(4));
    auto asked = start(id);
    const auto leaving = expect<DestroyOnHost>();
    BOOST_TEST(reason_of(asked.get()) == "no_capacity");
    answer(leaving, std::monostate{});
    await_stored(std::get<DestroyOnHost>(leaving.command.what).id, Phase::destroyed);
    settle();
    BOOST_TEST(link.commands.empty());
    BOOST_CHECK(now(id).phase == Phase::suspended);
}

BOOST_AUTO_TEST_CASE(warm_ones_give_way_to_what_wakes_too)
{
    run_on(facts_with("fast"));
    const auto id = suspended(wants(WarmUse::skip));
    BOOST_REQUIRE(core->create_pool(me, pool(4)).has_value());
    static_cast<void>(source());
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(warm());
    }
    await_ready(4);
    auto asked = resume(id);
    answer(expect<DestroyOnHost>(), std::monostate{});
    const auto sent = expect<StartOnHost>();
    done(sent, id, Phase::running);
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(warm_ones_give_way_to_the_children_of_a_fork)
{
    run_on(facts_with("fast"));
    const auto id = running(wants(WarmUse::skip)).id;
    BOOST_REQUIRE(core->create_pool(me, pool(3)).has_value());
    static_cast<void>(source());
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(warm());
    }
    await_ready(3); // There is no room for another.
    coordinator::ForkRequest what;
    what.count = 4;
    auto asked = fork(id, what);
    const auto taken = expect<SnapshotOnHost>();
    answer(taken, frozen(taken));
    std::size_t gone = 0;
    std::size_t made = 0;
    while (gone + made < 6) {
        const auto sent = link.commands.take();
        if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
            answer(sent, std::monostate{});
            ++gone;
        } else {
            done(sent, id_in(sent), Phase::running);
            ++made;
        }
    }
    const auto fork = asked.get();
    BOOST_REQUIRE(fork.has_value());
    BOOST_TEST(gone == 3U);
    BOOST_TEST(std::ranges::count_if(fork->children, [](const auto& child) {
                   return child.result.has_value();
               }) == 3);
}

BOOST_AUTO_TEST_CASE(people_who_wait_come_before_a_pool)
{
    run_on(facts_with("fast"));
    auto asked = create(wants(WarmUse::skip));
    const auto theirs = expect<CreateOnHost>();
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    static_cast<void>(source());
    // A host on which nobody waits is filled meanwhile.
    connect_second(facts_with("fast"));
    static_cast<void>(source());
    BOOST_TEST(expect<CreateOnHost>().host.str() == "h2");
    done(theirs, id_in(theirs), Phase::running);
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(expect<CreateOnHost>().host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(a_host_on_which_somebody_always_waits_is_filled_one_by_one)
{
    settings.refill_patience = std::chrono::milliseconds{20};
    run_on(facts_with("fast"));
    auto asked = create(wants(WarmUse::skip));
    const auto theirs = expect<CreateOnHost>();
    BOOST_REQUIRE(core->create_pool(me, pool(2)).has_value());
    static_cast<void>(source());
    const auto one = expect<CreateOnHost>();
    BOOST_TEST(one.host.str() == "h1");
    connect_second(facts_with("fast"));
    static_cast<void>(source());
    BOOST_TEST(expect<CreateOnHost>().host.str() == "h2");
    BOOST_TEST(expect<CreateOnHost>().host.str() == "h2");
    done(one, id_in(one), Phase::paused);
    BOOST_TEST(expect<CreateOnHost>().host.str() == "h1");
    done(theirs, id_in(theirs), Phase::running);
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_a_host_lets_run_does_not_stand_ready)
{
    run_on(facts_with("portable"));
    BOOST_REQUIRE(core->create_pool(me, pool(1)).has_value());
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::running);
    answer(expect<DestroyOnHost>(), std::monostate{});
    await_stored(id_in(sent), Phase::destroyed);
    settle();
    BOOST_TEST(link.commands.empty()); // It is not tried at every tick.
    BOOST_TEST(!on_host().error.empty());
}

BOOST_AUTO_TEST_SUITE_END()
