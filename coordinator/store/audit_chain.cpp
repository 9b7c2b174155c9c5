#include "coordinator/store/audit_chain.hpp"

namespace coordinator::store {

namespace {

constexpr char encoding_version = 1;

/// Big-endian, `width` bytes.
void append_number(std::string& out, std::uint64_t number, unsigned width)
{
    for (unsigned shift = width * 8; shift > 0; shift -= 8) {
        out += static_cast<char>((number >> (shift - 8)) & 0xFFU);
    }
}

void append_text(std::string& out, std::string_view text)
{
    append_number(out, text.size(), 4);
    out += text;
}

} // namespace

std::string encode_audit(const ChainedRow& chained)
{
    const auto& row = chained.row;
    std::string out(1, encoding_version);
    append_number(out, chained.seq, 8);
    append_number(out, static_cast<std::uint64_t>(chained.at_us), 8);
    out += row.kind == AuditRow::Kind::intent ? '\x00' : '\x01';
    append_text(out, row.action);
    append_text(out, row.caller.actor);
    append_text(out, row.caller.tenant);
    append_text(out, row.caller.request.str());
    append_text(out, row.operation.str());
    append_text(out, row.host);
    append_text(out, row.target);
    append_text(out, row.result);
    append_text(out, row.detail);
    out.append(chained.prev_hash.begin(), chained.prev_hash.end());
    return out;
}

ChainedRow chain_audit(const AuditRow& row, std::int64_t at_us, ChainHead& head)
{
    ChainedRow chained{row, head.seq + 1, at_us, head.hash, {}, {}};
    chained.payload = encode_audit(chained);
    chained.hash = common::digest::of(chained.payload);
    head = {chained.seq, chained.hash};
    return chained;
}

std::string_view to_string(AuditRow::Kind kind) noexcept
{
    return kind == AuditRow::Kind::intent ? "intent" : "outcome";
}

AuditRow::Kind audit_kind_from(std::string_view text) noexcept
{
    return text == "intent" ? AuditRow::Kind::intent : AuditRow::Kind::outcome;
}

} // namespace coordinator::store
