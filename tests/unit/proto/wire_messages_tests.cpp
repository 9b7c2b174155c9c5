#include "proto/wire_messages.hpp"

#include "tests/fuzz/samples.hpp"
#include "tests/unit/proto/raw.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace proto;
using namespace std::string_literals;
using common::ErrorCode;

namespace {

template <typename Message>
bool fits(const Message& message)
{
    return decode_body<Message>(encode_body(message)).has_value();
}

template <typename Message>
std::string refusal(std::string_view body)
{
    const auto decoded = decode_body<Message>(body);
    BOOST_REQUIRE(!decoded);
    BOOST_CHECK(decoded.error().code == ErrorCode::invalid_argument);
    return decoded.error().message;
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_messages_tests)

BOOST_AUTO_TEST_CASE(the_bytes_on_the_wire_are_these)
{
    // Names as str; values that may hold any byte as bin.
    BOOST_TEST(encode_body(DestroySandbox{"sbx-aaaaaaaaaaaaaaaa"}) ==
               "\x81\xA2"s + "id" + "\xC4\x14" + "sbx-aaaaaaaaaaaaaaaa");
    BOOST_TEST(encode_body(StatusAck{"instance", 17}) ==
               "\x82\xA8"s + "instance" + "\xC4\x08" + "instance" + "\xA3" + "seq" + "\x11");
    BOOST_TEST(encode_body(SyncRequest{}) == "\x80");
    BOOST_TEST(encode_body(HeartbeatAck{"instance", 17}) ==
               "\x82\xA8"s + "instance" + "\xC4\x08" + "instance" + "\xA3" + "seq" + "\x11");
    BOOST_TEST(encode_body(LiftFence{{"s", "t"}}) ==
               "\x81\xA9"s + "sandboxes" + "\x92\xC4\x01" + "s" + "\xC4\x01" + "t");
    BOOST_TEST(encode_body(Reply{}) == "\x89\xA5"s + "error" + "\xC0\xA6" + "undone" + "\xC2\xA7" +
                                           "sandbox" + "\xC0\xA4" + "exec" + "\xC0\xA3" + "vms" +
                                           "\x90\xAA" + "checkpoint" + "\xC0\xA5" + "image" +
                                           "\xC0\xA7" + "reading" + "\xC0\xA5" + "offer" + "\xC0");
    BOOST_TEST(encode_body(TakeSnapshot{"s", "c", "n", "", false}) ==
               "\x85\xA2"s + "id" + "\xC4\x01" + "s" + "\xAB" + "snapshot_id" + "\xC4\x01" + "c" +
                   "\xA4" + "name" + "\xC4\x01" + "n" + "\xA6" + "parent" + "\xC4\0"s + "\xA6" +
                   "memory" + "\xC2");
    BOOST_TEST(encode_body(WatchOutput{"s", 4, 70'000, {{"op-1", 9}}}) ==
               "\x84\xA2"s + "id" + "\xC4\x01" + "s" + "\xA5" + "watch" + "\x04\xA6" + "credit" +
                   "\xCE\x00\x01\x11\x70"s + "\xA4" + "from" + "\x81\xC4\x04" + "op-1" + "\x09");
    BOOST_TEST(encode_body(UnwatchOutput{"s", 4}) ==
               "\x82\xA2"s + "id" + "\xC4\x01" + "s" + "\xA5" + "watch" + "\x04");
}

BOOST_AUTO_TEST_CASE(every_message_comes_back_whole)
{
    std::apply(
        [](const auto&... message) {
            const auto check = []<typename Message>(const Message& sent) {
                BOOST_TEST_CONTEXT(Message::kind)
                {
                    const auto bytes = encode_body(sent);
                    const auto came = decode_body<Message>(bytes);
                    BOOST_REQUIRE(came);
                    BOOST_TEST((encode_body(*came) == bytes));
                }
            };
            (check(message), ...);
        },
        samples::wire_messages());
    const auto reply = std::get<Reply>(samples::wire_messages());
    const auto came = decode_body<Reply>(encode_body(reply));
    BOOST_TEST((came->error == reply.error));
    BOOST_TEST(came->undone);
    BOOST_TEST((came->sandbox == reply.sandbox));
    BOOST_TEST((came->exec == reply.exec));
    BOOST_TEST((came->vms == reply.vms));
    BOOST_TEST((came->checkpoint == reply.checkpoint));
    BOOST_TEST((came->image == reply.image));
    const auto inventory = std::get<Inventory>(samples::wire_messages());
    const auto listed = decode_body<Inventory>(encode_body(inventory));
    BOOST_TEST((listed->sandboxes == inventory.sandboxes));
    BOOST_TEST((listed->checkpoints == inventory.checkpoints));
    const Hello hello{1, 2, "instance", samples::facts()};
    BOOST_TEST((decode_body<Hello>(encode_body(hello))->facts == hello.facts));
}

BOOST_AUTO_TEST_CASE(every_kind_is_named_once)
{
    std::multiset<std::string_view> kinds;
    std::apply([&kinds](const auto&... message) { (kinds.insert(message.kind), ...); },
               samples::wire_messages());
    for (const auto kind : kinds) {
        BOOST_TEST(kinds.count(kind) == 1U);
    }
}

BOOST_AUTO_TEST_CASE(every_message_cut_anywhere_is_refused)
{
    std::apply(
        [](const auto&... message) {
            const auto check = []<typename Message>(const Message& sent) {
                const auto bytes = encode_body(sent);
                for (std::size_t size = 0; size < bytes.size(); ++size) {
                    BOOST_REQUIRE(!decode_body<Message>(std::string_view{bytes}.substr(0, size)));
                }
                BOOST_REQUIRE(!decode_body<Message>(bytes + "\xC0"));
            };
            (check(message), ...);
        },
        samples::wire_messages());
}

BOOST_AUTO_TEST_CASE(a_field_that_nobody_knows_is_ignored)
{
    const auto decoded =
        decode_body<StartSandbox>(raw::map(4) + raw::str("later") + raw::map(1) + raw::nil() +
                                  raw::yes() + raw::str("id") + raw::bin("sbx-1") + raw::uint(5) +
                                  raw::real() + raw::str("boot_timeout_ms") + raw::uint(9));
    BOOST_REQUIRE(decoded);
    BOOST_TEST(decoded->id == "sbx-1");
    BOOST_TEST(decoded->boot_timeout_ms == 9U);
}

BOOST_AUTO_TEST_CASE(a_word_that_nobody_knows_survives)
{
    auto report = samples::sandbox();
    report.phase = "hibernated";
    BOOST_TEST(decode_body<Status>(encode_body(Status{"i", 1, report}))->sandbox.phase ==
               "hibernated");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_defaulted_unless_it_is_required)
{
    const auto stop = decode_body<StopSandbox>(raw::map(1) + raw::str("id") + raw::str("sbx-1"));
    BOOST_REQUIRE(stop);
    BOOST_TEST(!stop->force);
    BOOST_TEST(stop->timeout_ms == 0U);
    BOOST_TEST(has(refusal<StopSandbox>(raw::map(0)), "field 'id': missing"));
    BOOST_TEST(has(refusal<Status>(raw::map(2) + raw::str("instance") + raw::bin("i") +
                                   raw::str("seq") + raw::uint(1)),
                   "'sandbox': missing"));
    BOOST_TEST(decode_body<Reply>(raw::map(0)).has_value());
}

BOOST_AUTO_TEST_CASE(an_image_of_a_peer_from_before_tenants_is_everybodys)
{
    const auto reply =
        decode_body<Reply>(raw::map(1) + raw::str("image") + raw::map(2) + raw::str("name") +
                           raw::bin("tiny") + raw::str("digest") + raw::bin("d"));
    BOOST_REQUIRE(reply);
    BOOST_REQUIRE(reply->image.has_value());
    BOOST_TEST(reply->image->tenant.empty());
    BOOST_TEST(reply->image->from_snapshot.empty());
    BOOST_TEST(reply->image->registration.empty());
}

BOOST_AUTO_TEST_CASE(what_a_peer_from_before_checkpoints_says_is_understood)
{
    const auto inventory = decode_body<Inventory>(
        raw::map(2) + raw::str("instance") + raw::bin("i") + raw::str("sandboxes") + raw::array(0));
    BOOST_REQUIRE(inventory);
    BOOST_TEST(inventory->checkpoints.empty());
    BOOST_TEST(!decode_body<Reply>(raw::map(0))->checkpoint.has_value());
    const auto create = decode_body<CreateSandbox>(
        raw::map(7) + raw::str("id") + raw::bin("sbx-1") + raw::str("tenant") + raw::bin("t") +
        raw::str("name") + raw::bin("n") + raw::str("image") + raw::bin("tiny") +
        raw::str("vcpus") + raw::uint(1) + raw::str("memory") + raw::uint(1) +
        raw::str("network_mode") + raw::bin("nat"));
    BOOST_REQUIRE(create);
    BOOST_TEST(create->from_snapshot.empty());
    BOOST_TEST(!create->warm);
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_does_not_say_whether_with_memory_is_refused)
{
    BOOST_TEST(has(refusal<TakeSnapshot>(raw::map(3) + raw::str("id") + raw::bin("sbx-1") +
                                         raw::str("snapshot_id") + raw::bin("snp-1") +
                                         raw::str("name") + raw::bin("n")),
                   "'memory': missing"));
    BOOST_TEST(has(refusal<RestoreSnapshot>(raw::map(1) + raw::str("id") + raw::bin("sbx-1")),
                   "'snapshot_id': missing"));
}

BOOST_AUTO_TEST_CASE(a_value_of_another_type_is_refused_by_name)
{
    const auto stop = [](const std::string& name, const std::string& value) {
        return refusal<StopSandbox>(raw::map(2) + raw::str(name) + value + raw::str("id") +
                                    raw::bin("sbx-1"));
    };
    BOOST_TEST(has(stop("force", raw::uint(1)), "'force': expected a boolean"));
    BOOST_TEST(has(stop("timeout_ms", raw::yes()), "'timeout_ms': expected an integer"));
    BOOST_TEST(has(stop("timeout_ms", raw::real()), "expected an integer"));
    BOOST_TEST(has(stop("timeout_ms", raw::minus_one()), "negative"));
    BOOST_TEST(has(stop("timeout_ms", raw::uint(std::uint64_t{1} << 32U)), "too large"));
    BOOST_TEST(has(stop("timeout_ms", raw::nil()), "expected an integer"));
    BOOST_TEST(has(stop("id", raw::uint(1)), "'id': expected text"));
    BOOST_TEST(has(refusal<StopSandbox>(raw::array(0)), "expected a map"));
    const auto exec = [](const std::string& name, const std::string& value) {
        constexpr std::size_t header = 3; // Of a map of more than 15.
        const auto rest = encode_body(samples::exec()).substr(header);
        return refusal<Exec>(raw::map(18) + raw::str(name) + value + rest);
    };
    BOOST_TEST(has(exec("argv", raw::map(0)), "expected a list"));
    BOOST_TEST(has(exec("argv", raw::array(1) + raw::nil()), "expected text"));
    BOOST_TEST(has(exec("env", raw::array(0)), "expected a map"));
    BOOST_TEST(has(exec("env", raw::map(1) + raw::uint(1) + raw::bin("x")), "expected text"));
}

BOOST_AUTO_TEST_CASE(of_a_field_given_twice_the_first_counts)
{
    const auto decoded = decode_body<DestroySandbox>(
        raw::map(2) + raw::str("id") + raw::bin("first") + raw::str("id") + raw::uint(1));
    BOOST_REQUIRE(decoded);
    BOOST_TEST(decoded->id == "first");
}

BOOST_AUTO_TEST_CASE(bounds_of_an_exec_hold_exactly)
{
    const auto with = [](auto change) {
        auto exec = samples::exec();
        change(exec);
        return fits(exec);
    };
    constexpr std::size_t kib = 1024;
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        BOOST_TEST(with([&](Exec& e) { e.id.assign(128 + over, 'i'); }) == expected);
        BOOST_TEST(with([&](Exec& e) { e.user.assign(128 + over, 'u'); }) == expected);
        BOOST_TEST(with([&](Exec& e) { e.cwd.assign(4096 + over, '/'); }) == expected);
        BOOST_TEST(with([&](Exec& e) { e.argv.assign(1024 + over, "a"); }) == expected);
        BOOST_TEST(with([&](Exec& e) { e.argv = {std::string(128 * kib + over, 'a')}; }) ==
                   expected);
        BOOST_TEST(with([&](Exec& e) { e.shell.assign(1024 * kib + over, 's'); }) == expected);
        BOOST_TEST(with([&](Exec& e) { e.stdin_bytes.assign(2048 * kib + over, 's'); }) ==
                   expected);
        BOOST_TEST(with([&](Exec& e) {
                       e.env.clear();
                       for (std::size_t i = 0; i < 512 + over; ++i) {
                           e.env[std::to_string(i)] = "";
                       }
                   }) == expected);
        BOOST_TEST(with([&](Exec& e) {
                       e.env = {{std::string(128 * kib + over, 'n'), ""}};
                   }) == expected);
    }
}

BOOST_AUTO_TEST_CASE(bounds_of_reports_hold_exactly)
{
    SandboxReport small;
    small.id = "sbx-1";
    small.phase = "running";
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        BOOST_TEST(fits(Inventory{"i", std::vector(8192 + over, small), {}}) == expected);
        BOOST_TEST(fits(Activity{std::vector(8192 + over, std::string{"sbx-1"})}) == expected);
        BOOST_TEST(fits(Activity{{std::string(128 + over, 'i')}}) == expected);
        auto facts = samples::facts();
        facts.images.assign(256 + over, facts.images.front());
        BOOST_TEST(fits(Heartbeat{1, facts}) == expected);
        facts = samples::facts();
        facts.warnings.assign(32 + over, "w");
        BOOST_TEST(fits(Heartbeat{1, facts}) == expected);
        facts.warnings = {std::string(1024 + over, 'w')};
        BOOST_TEST(fits(Heartbeat{1, facts}) == expected);
        auto result = samples::exec_result();
        result.stdout_bytes.assign((std::size_t{2} << 20U) + over, 'x');
        BOOST_TEST(fits(Reply{{}, false, {}, result, {}, {}, {}, {}, {}}) == expected);
        BOOST_TEST(fits(Heartbeat{std::uint64_t{0x7FFFFFFFFFFFFFFF} + over, samples::facts()}) ==
                   expected);
    }
}

BOOST_AUTO_TEST_CASE(bounds_of_checkpoints_hold_exactly)
{
    for (const std::size_t over : {0U, 1U}) {
        const bool expected = over == 0;
        CheckpointReport least;
        least.id = "snp-1";
        BOOST_TEST(fits(Inventory{"i", {}, std::vector(4096 + over, least)}) == expected);
        auto checkpoint = samples::checkpoint();
        checkpoint.path.assign(4096 + over, '/');
        BOOST_TEST(fits(Reply{{}, false, {}, {}, {}, checkpoint, {}, {}, {}}) == expected);
        checkpoint = samples::checkpoint();
        checkpoint.digests.clear();
        for (std::size_t i = 0; i < 64 + over; ++i) {
            checkpoint.digests[std::to_string(i)] = "";
        }
        BOOST_TEST(fits(Reply{{}, false, {}, {}, {}, checkpoint, {}, {}, {}}) == expected);
        checkpoint.digests = {{std::string(128 + over, 'f'), ""}};
        BOOST_TEST(fits(Reply{{}, false, {}, {}, {}, checkpoint, {}, {}, {}}) == expected);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_answers_fit_into_one_message)
{
    auto result = samples::exec_result();
    result.stdout_bytes.assign(std::size_t{2} << 20U, 'x');
    result.stderr_bytes = result.stdout_bytes;
    Reading reading;
    reading.console.assign(max_console_bytes, 'x');
    auto offer = samples::offer();
    offer.manifest.assign(max_manifest_bytes, '{');
    offer.files.assign(max_state_files, offer.files.front());
    Envelope envelope = samples::envelope();
    envelope.body = encode_body(Reply{{},
                                      false,
                                      samples::sandbox(),
                                      result,
                                      {},
                                      samples::checkpoint(),
                                      samples::facts().images.front(),
                                      reading,
                                      offer});
    BOOST_TEST(decode_envelope(encode(envelope)).has_value());
    envelope.body = encode_body(Inventory{
        "i", std::vector(4096, samples::sandbox()), std::vector(4096, samples::checkpoint())});
    BOOST_TEST(decode_envelope(encode(envelope)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
