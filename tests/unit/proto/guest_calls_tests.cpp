#include "proto/guest_calls.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(guest_calls_tests)

BOOST_AUTO_TEST_CASE(a_call_and_its_reply_come_back_as_they_were)
{
    proto::FileCall call;
    call.what = "read";
    call.path = std::string("/a\xFF", 3);
    call.roots = {"/home", "/tmp"};
    call.from = UINT32_MAX;
    call.has_length = true;
    call.length = 7;
    call.mode = 0644;
    const auto back = proto::decode_call<proto::FileCall>(proto::encode_call(call));
    BOOST_REQUIRE(back);
    BOOST_TEST(back->path == call.path);
    BOOST_TEST(back->roots.size() == 2U);
    BOOST_TEST(back->from == call.from);
    BOOST_TEST(back->mode == 0644);
    proto::FileReply reply;
    reply.entries = {{"/a", "folder", 0755, 1, 2, 3, -4, "/b"}};
    reply.length = 0;
    const auto told = proto::decode_call<proto::FileReply>(proto::encode_call(reply));
    BOOST_REQUIRE(told);
    BOOST_TEST(told->entries.at(0).modified_ns == -4);
    BOOST_TEST(told->length.value() == 0U);
    BOOST_TEST(!told->total.has_value());
    BOOST_TEST(!told->error.has_value());
}

BOOST_AUTO_TEST_CASE(a_reply_as_long_as_is_allowed_fits_its_head)
{
    proto::FileReply reply;
    reply.entries.resize(proto::most_entries,
                         {std::string(200, 'p'), "symlink", 0, 0, 0, 0, 0, ""});
    const auto bytes = proto::encode_call(reply);
    BOOST_TEST(bytes.size() < proto::max_call_head);
    BOOST_TEST(proto::decode_call<proto::FileReply>(bytes).has_value());
    reply.entries.emplace_back();
    BOOST_TEST(!proto::decode_call<proto::FileReply>(proto::encode_call(reply)));
}

BOOST_AUTO_TEST_CASE(lengths_are_four_bytes)
{
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{0x01020304}}) {
        BOOST_TEST(proto::call_length_of(proto::call_length(size)) == size);
    }
    BOOST_TEST(proto::call_length(0x01020304) == "\x01\x02\x03\x04");
}

BOOST_AUTO_TEST_CASE(junk_is_no_reply)
{
    BOOST_TEST(!proto::decode_call<proto::FileReply>(""));
    BOOST_TEST(!proto::decode_call<proto::FileReply>("\xc0"));
    BOOST_TEST(!proto::decode_call<proto::FileNews>(proto::encode_call(proto::FileReply{})));
}

BOOST_AUTO_TEST_SUITE_END()
