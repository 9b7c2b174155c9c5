#pragma once

#include "coordinator/core/key_store.hpp"
#include "coordinator/store/reader_pool.hpp"
#include "coordinator/store/writer.hpp"

namespace coordinator::store {

/// The KeyStore on PostgreSQL. Its writes go through the writer, and so through the lease: a
/// deposed coordinator claims nothing.
class PgKeys final : public KeyStore {
public:
    PgKeys(Writer& writer, ReaderPool& readers) : writer_{writer}, readers_{readers} {}

    common::Result<std::optional<UsedKey>> find(const KeyName& name) override;
    common::Result<std::vector<Begun>> begun_by(const KeyName& name) override;
    common::Result<> claim(const KeyClaim& claim) override { return write(claim); }
    common::Result<> end(const KeyName& name, const std::optional<KeptAnswer>& answer) override
    {
        return write(KeyEnd{name, answer});
    }
    common::Result<> release(const KeyName& name) override { return write(KeyRelease{name}); }
    common::Result<std::vector<KeyUse>> use() override;
    common::Result<> forget(common::WallTime used_before) override
    {
        return write(KeyExpiry{used_before});
    }
    common::Result<> trim(const std::string& tenant, common::Bytes surplus) override
    {
        return write(KeyTrim{tenant, surplus});
    }

private:
    /// Blocks until it is durable, or the writer has given up.
    common::Result<> write(KeyChange change);

    Writer& writer_;
    ReaderPool& readers_;
};

} // namespace coordinator::store
