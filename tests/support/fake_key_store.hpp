#pragma once

#include "coordinator/core/key_store.hpp"

#include <map>
#include <mutex>

namespace test_support {

/// The KeyStore in memory. Any thread.
class FakeKeyStore final : public coordinator::KeyStore {
public:
    using KeyName = coordinator::KeyName;
    template <typename T = void>
    using Result = common::Result<T>;
    struct Row {
        coordinator::KeyClaim claim;
        std::optional<coordinator::KeptAnswer> answer{};
        bool ended = false;
        int epoch = 0;
    };

    // What befalls it.
    /// Its coordinator ends, and another one begins.
    void crash()
    {
        const std::scoped_lock lock{mutex_};
        ++epoch_;
    }
    void fail(common::ErrorCode code) { set_failing(code); }
    void recover() { set_failing(std::nullopt); }
    /// Writes that end as `timeout` are there all the same.
    void land_in_doubt()
    {
        const std::scoped_lock lock{mutex_};
        landing_ = true;
    }
    /// What the request under this key puts on record from now on.
    void begin(const KeyName& name, coordinator::Begun begun)
    {
        const std::scoped_lock lock{mutex_};
        begun_[name].push_back(std::move(begun));
    }
    /// What that made is known to be gone.
    void remove(const KeyName& name)
    {
        const std::scoped_lock lock{mutex_};
        for (auto& begun : begun_[name]) {
            begun.remains = false;
        }
    }

    // What there is in it.
    [[nodiscard]] std::optional<Row> row(const KeyName& name) const
    {
        const std::scoped_lock lock{mutex_};
        const auto found = rows_.find(name);
        return found == rows_.end() ? std::nullopt : std::optional{found->second};
    }
    [[nodiscard]] std::size_t rows() const
    {
        const std::scoped_lock lock{mutex_};
        return rows_.size();
    }
    [[nodiscard]] int calls() const
    {
        const std::scoped_lock lock{mutex_};
        return calls_;
    }

    Result<std::optional<coordinator::UsedKey>> find(const KeyName& name) override
    {
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(read());
        const auto found = rows_.find(name);
        if (found == rows_.end()) {
            return std::optional<coordinator::UsedKey>{};
        }
        const auto& [claim, answer, ended, epoch] = found->second;
        return std::optional{coordinator::UsedKey{claim, epoch == epoch_, ended, answer}};
    }
    Result<std::vector<coordinator::Begun>> begun_by(const KeyName& name) override
    {
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(read());
        return begun_[name];
    }
    Result<> claim(const coordinator::KeyClaim& claim) override
    {
        return write([&] {
            rows_[claim.name] = {claim, std::nullopt, false, epoch_};
            begun_.erase(claim.name);
        });
    }
    Result<> end(const KeyName& name, const std::optional<coordinator::KeptAnswer>& answer) override
    {
        return write([&] {
            if (const auto found = rows_.find(name); found != rows_.end()) {
                found->second.answer = answer;
                found->second.ended = true;
            }
        });
    }
    Result<> release(const KeyName& name) override
    {
        return write([&] { rows_.erase(name); });
    }
    Result<std::vector<coordinator::KeyUse>> use() override
    {
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(read());
        std::map<std::string, coordinator::KeyUse> uses;
        for (const auto& [name, row] : rows_) {
            auto& use = uses.try_emplace(name.tenant,
                                         coordinator::KeyUse{name.tenant, 0, {}, row.claim.used_at})
                            .first->second;
            ++use.keys;
            use.bytes += size_of(row);
            use.oldest = std::min(use.oldest, row.claim.used_at);
        }
        std::vector<coordinator::KeyUse> list;
        for (auto& [tenant, use] : uses) {
            list.push_back(use);
        }
        return list;
    }
    Result<> forget(common::WallTime used_before) override
    {
        return write([&] {
            std::erase_if(
                rows_, [&](const auto& entry) { return entry.second.claim.used_at < used_before; });
        });
    }
    Result<> trim(const std::string& tenant, common::Bytes surplus) override
    {
        return write([&] {
            std::multimap<common::WallTime, Row*> oldest_first;
            for (auto& [name, row] : rows_) {
                if (name.tenant == tenant && row.answer) {
                    oldest_first.emplace(row.claim.used_at, &row);
                }
            }
            common::Bytes gone;
            for (auto& [used_at, row] : oldest_first) {
                if (gone < surplus) {
                    gone += size_of(*row);
                    row->answer.reset();
                }
            }
        });
    }

private:
    static common::Bytes size_of(const Row& row)
    {
        return common::Bytes{row.answer ? row.answer->body.size() : 0};
    }
    void set_failing(std::optional<common::ErrorCode> code)
    {
        const std::scoped_lock lock{mutex_};
        failing_ = code;
    }
    Result<> read()
    {
        ++calls_;
        if (failing_ == common::ErrorCode::unavailable) {
            return common::Error{*failing_, "the database is down", "database_unavailable"};
        }
        return {};
    }
    template <typename F>
    Result<> write(F f)
    {
        const std::scoped_lock lock{mutex_};
        ++calls_;
        if (!failing_ || (landing_ && failing_ == common::ErrorCode::timeout)) {
            f();
        }
        return failing_ ? Result<>{common::Error{*failing_, "the database is down"}} : Result<>{};
    }

    mutable std::mutex mutex_;
    std::map<KeyName, Row> rows_;
    std::map<KeyName, std::vector<coordinator::Begun>> begun_;
    std::optional<common::ErrorCode> failing_;
    bool landing_ = false;
    int epoch_ = 1;
    int calls_ = 0;
};

} // namespace test_support
