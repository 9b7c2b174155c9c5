#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace coordinator {

/// Who does the same kind of thing does it one after another, for each key. What is held is a
/// place in a set, no lock. Any thread; in no particular order.
class Turns {
public:
    /// Over when it goes out of scope.
    class Turn {
    public:
        Turn(Turns& turns, std::string key) : turns_{&turns}, key_{std::move(key)} {}
        Turn(Turn&& other) noexcept
            : turns_{std::exchange(other.turns_, nullptr)}, key_{std::move(other.key_)}
        {}
        Turn& operator=(Turn&&) = delete;
        ~Turn()
        {
            if (turns_ != nullptr) {
                turns_->end(key_);
            }
        }

    private:
        Turns* turns_;
        std::string key_;
    };

    /// Nothing if it does not come within `patience`.
    std::optional<Turn> take(const std::string& key, std::chrono::milliseconds patience)
    {
        std::unique_lock lock{mutex_};
        if (!ended_.wait_for(lock, patience, [&] { return !taken_.contains(key); })) {
            return std::nullopt;
        }
        taken_.insert(key);
        return Turn{*this, key};
    }

private:
    void end(const std::string& key)
    {
        {
            const std::scoped_lock lock{mutex_};
            taken_.erase(key);
        }
        ended_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    std::set<std::string> taken_;
};

} // namespace coordinator
