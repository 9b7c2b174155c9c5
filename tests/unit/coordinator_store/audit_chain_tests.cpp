#include "coordinator/store/audit_chain.hpp"

#include <boost/test/unit_test.hpp>

using namespace coordinator::store;
using coordinator::AuditRow;

namespace {

AuditRow a_row()
{
    return {AuditRow::Kind::outcome,
            "sandbox.create",
            {"token:ci", "default", common::RequestId{"req-1"}},
            common::OperationId{"op-1"},
            "h1",
            "sbx-1",
            "ok",
            "{}"};
}

std::string hex(std::string_view bytes)
{
    return common::digest::to_hex(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

} // namespace

BOOST_AUTO_TEST_SUITE(audit_chain_tests)

BOOST_AUTO_TEST_CASE(the_encoding_is_the_documented_one_byte_for_byte)
{
    ChainHead head;
    const auto chained = chain_audit(a_row(), 0x0102030405060708, head);
    BOOST_TEST(hex(chained.payload) ==
               "01"               // version
               "0000000000000001" // seq
               "0102030405060708" // at
               "01"               // outcome
               "0000000e"
               "73616e64626f782e637265617465" // sandbox.create
               "00000008"
               "746f6b656e3a6369" // token:ci
               "00000007"
               "64656661756c74" // default
               "00000005"
               "7265712d31" // req-1
               "00000004"
               "6f702d31" // op-1
               "00000002"
               "6831" // h1
               "00000005"
               "7362782d31" // sbx-1
               "00000002"
               "6f6b" // ok
               "00000002"
               "7b7d" // {}
               "0000000000000000000000000000000000000000000000000000000000000000");
    // By sha256sum over the bytes above.
    BOOST_TEST(common::digest::to_hex(chained.hash) ==
               "bca385a41bdc331991eea1b4ea01847d3885c0170c50e30dc20fa1baf85fae4e");
}

BOOST_AUTO_TEST_CASE(each_row_names_the_hash_before_it_and_moves_the_head)
{
    ChainHead head;
    const auto first = chain_audit(a_row(), 1, head);
    const auto second = chain_audit(a_row(), 2, head);
    BOOST_TEST((first.prev_hash == common::digest::Sha256{}));
    BOOST_TEST(second.seq == 2U);
    BOOST_TEST((second.prev_hash == first.hash));
    BOOST_TEST((head == ChainHead{2, second.hash}));
}

BOOST_AUTO_TEST_CASE(moving_bytes_from_one_field_to_the_next_changes_the_encoding)
{
    ChainedRow one{a_row(), 1, 0, {}, {}, {}};
    auto other = one;
    one.row.host = "ab";
    one.row.target = "c";
    other.row.host = "a";
    other.row.target = "bc";
    BOOST_TEST(encode_audit(one) != encode_audit(other));
}

BOOST_AUTO_TEST_CASE(every_field_counts)
{
    const ChainedRow base{a_row(), 1, 0, {}, {}, {}};
    std::vector<ChainedRow> changed(12, base);
    changed[0].seq = 2;
    changed[1].at_us = -1;
    changed[2].row.kind = AuditRow::Kind::intent;
    changed[3].row.action += "x";
    changed[4].row.caller.actor += "x";
    changed[5].row.caller.tenant += "x";
    changed[6].row.caller.request = common::RequestId{"x"};
    changed[7].row.operation = common::OperationId{"x"};
    changed[8].row.host += "x";
    changed[9].row.target += "x";
    changed[10].row.detail += "x";
    changed[11].prev_hash[31] = 1;
    for (const auto& row : changed) {
        BOOST_TEST(encode_audit(row) != encode_audit(base));
    }
}

BOOST_AUTO_TEST_SUITE_END()
