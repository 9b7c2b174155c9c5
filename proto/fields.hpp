#pragma once

// How structs become msgpack maps and back, for proto's own .cpp files. Each
// struct has one function `fields(visitor, struct)` naming its fields with their
// bounds; Packer writes by it and Unpacker reads by it, so the two cannot differ.

#include "common/result.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <msgpack.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace proto {

/// Bounds of one field. `length`: bytes of a text (each, in a list or map);
/// `count`: entries of a list or map; `value`: the largest integer.
struct Bound {
    std::size_t length = 256;
    std::size_t count = 64;
    std::uint64_t value = std::numeric_limits<std::int64_t>::max();
};

constexpr Bound up_to(std::size_t length)
{
    return Bound{.length = length};
}
constexpr Bound many(std::size_t count, std::size_t length = 256)
{
    return Bound{.length = length, .count = count};
}

using Packed = msgpack::sbuffer;

class Packer {
public:
    explicit Packer(Packed& buffer) : packer_{buffer} {}

    template <typename Struct>
    void pack_struct(const Struct& value)
    {
        Counter counter;
        fields(counter, value);
        packer_.pack_map(counter.count);
        fields(*this, value);
    }
    template <typename T>
    void need(std::string_view name, const T& value, Bound = {})
    {
        text(name);
        pack(value);
    }
    template <typename T>
    void opt(std::string_view name, const T& value, Bound bound = {})
    {
        need(name, value, bound);
    }

private:
    struct Counter {
        std::uint32_t count = 0;
        template <typename T>
        void need(std::string_view, const T&, Bound = {})
        {
            ++count;
        }
        template <typename T>
        void opt(std::string_view, const T&, Bound = {})
        {
            ++count;
        }
    };

    void text(std::string_view value)
    {
        packer_.pack_str(static_cast<std::uint32_t>(value.size()));
        packer_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
    }
    // Text may hold any bytes (a command's output), so it travels as `bin`.
    void pack(const std::string& value)
    {
        packer_.pack_bin(static_cast<std::uint32_t>(value.size()));
        packer_.pack_bin_body(value.data(), static_cast<std::uint32_t>(value.size()));
    }
    void pack(bool value) { packer_.pack(value); }
    template <typename T>
    requires std::is_integral_v<T>
    void pack(T value) { packer_.pack(value); }
    template <typename T>
    void pack(const std::optional<T>& value)
    {
        if (value) {
            pack(*value);
        } else {
            packer_.pack_nil();
        }
    }
    template <typename T>
    void pack(const std::vector<T>& values)
    {
        packer_.pack_array(static_cast<std::uint32_t>(values.size()));
        for (const auto& value : values) {
            pack(value);
        }
    }
    template <typename T>
    void pack(const std::map<std::string, T>& values)
    {
        packer_.pack_map(static_cast<std::uint32_t>(values.size()));
        for (const auto& [key, value] : values) {
            pack(key);
            pack(value);
        }
    }
    template <typename T>
    requires std::is_class_v<T>
    void pack(const T& value) { pack_struct(value); }

    msgpack::packer<Packed> packer_;
};

/// Reads one map into a struct. The first thing wrong is kept in error(); after
/// it nothing is read.
class Unpacker {
public:
    explicit Unpacker(const msgpack::object& object) : object_{&object} {}

    template <typename Struct>
    bool unpack_struct(const msgpack::object& object, Struct& into)
    {
        if (object.type != msgpack::type::MAP) {
            return fail("expected a map");
        }
        const auto* outer = std::exchange(object_, &object);
        fields(*this, into);
        object_ = outer;
        return error_.empty();
    }
    template <typename T>
    void need(std::string_view name, T& into, Bound bound = {})
    {
        read(name, into, bound, /*required=*/true);
    }
    template <typename T>
    void opt(std::string_view name, T& into, Bound bound = {})
    {
        read(name, into, bound, /*required=*/false);
    }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    bool fail(std::string_view what)
    {
        if (error_.empty()) {
            error_ = "field '" + std::string{field_} + "': " + std::string{what};
        }
        return false;
    }

    static std::optional<std::string_view> text_of(const msgpack::object& object)
    {
        if (object.type == msgpack::type::BIN) {
            return std::string_view{object.via.bin.ptr, object.via.bin.size};
        }
        if (object.type == msgpack::type::STR) {
            return std::string_view{object.via.str.ptr, object.via.str.size};
        }
        return std::nullopt;
    }

    template <typename T>
    void read(std::string_view name, T& into, Bound bound, bool required)
    {
        if (!error_.empty()) {
            return;
        }
        const auto outer = std::exchange(field_, name);
        const auto& map = object_->via.map;
        const msgpack::object* found = nullptr;
        for (std::uint32_t i = 0; i < map.size && found == nullptr; ++i) {
            if (text_of(map.ptr[i].key) == name) {
                found = &map.ptr[i].val;
            }
        }
        if (found == nullptr) {
            if (required) {
                fail("missing");
            }
        } else {
            unpack(*found, into, bound);
        }
        field_ = outer;
    }

    bool unpack(const msgpack::object& object, std::string& into, Bound bound)
    {
        const auto text = text_of(object);
        if (!text) {
            return fail("expected text");
        }
        if (text->size() > bound.length) {
            return fail("longer than " + std::to_string(bound.length) + " bytes");
        }
        into.assign(*text);
        return true;
    }
    bool unpack(const msgpack::object& object, bool& into, Bound)
    {
        if (object.type != msgpack::type::BOOLEAN) {
            return fail("expected a boolean");
        }
        into = object.via.boolean;
        return true;
    }
    template <typename T>
    requires std::is_integral_v<T>
    bool unpack(const msgpack::object& object, T& into, Bound bound)
    {
        if (object.type == msgpack::type::POSITIVE_INTEGER) {
            if (object.via.u64 > bound.value || !std::in_range<T>(object.via.u64)) {
                return fail("too large");
            }
            into = static_cast<T>(object.via.u64);
            return true;
        }
        if (object.type == msgpack::type::NEGATIVE_INTEGER) {
            if (!std::in_range<T>(object.via.i64)) {
                return fail("negative");
            }
            into = static_cast<T>(object.via.i64);
            return true;
        }
        return fail("expected an integer");
    }
    template <typename T>
    bool unpack(const msgpack::object& object, std::optional<T>& into, Bound bound)
    {
        if (object.type == msgpack::type::NIL) {
            into.reset();
            return true;
        }
        return unpack(object, into.emplace(), bound);
    }
    template <typename T>
    bool unpack(const msgpack::object& object, std::vector<T>& into, Bound bound)
    {
        if (object.type != msgpack::type::ARRAY) {
            return fail("expected a list");
        }
        if (object.via.array.size > bound.count) {
            return fail("more than " + std::to_string(bound.count) + " entries");
        }
        into.clear();
        into.reserve(object.via.array.size);
        for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
            if (!unpack(object.via.array.ptr[i], into.emplace_back(), bound)) {
                return false;
            }
        }
        return true;
    }
    template <typename T>
    bool unpack(const msgpack::object& object, std::map<std::string, T>& into, Bound bound)
    {
        if (object.type != msgpack::type::MAP) {
            return fail("expected a map");
        }
        if (object.via.map.size > bound.count) {
            return fail("more than " + std::to_string(bound.count) + " entries");
        }
        into.clear();
        for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
            std::string key;
            if (!unpack(object.via.map.ptr[i].key, key, bound) ||
                !unpack(object.via.map.ptr[i].val, into[key], bound)) {
                return false;
            }
        }
        return true;
    }
    template <typename T>
    requires std::is_class_v<T>
    bool unpack(const msgpack::object& object, T& into, Bound)
    {
        return unpack_struct(object, into);
    }

    const msgpack::object* object_;
    std::string_view field_;
    std::string error_;
};

/// Parses exactly one msgpack object within bounds; `invalid_argument` otherwise.
/// The limits are the library's own, made small: its defaults are 4 billion.
inline common::Result<msgpack::object_handle> parse_bounded(std::string_view bytes,
                                                            std::size_t max_bytes)
{
    using common::Error;
    using common::ErrorCode;
    if (bytes.size() > max_bytes) {
        return Error{ErrorCode::too_large,
                     "message of " + std::to_string(bytes.size()) + " bytes, at most " +
                         std::to_string(max_bytes)};
    }
    constexpr std::size_t max_entries = 65536;
    constexpr std::size_t max_depth = 12;
    const msgpack::unpack_limit limit{max_entries, max_entries, max_bytes, max_bytes, 0, max_depth};
    try {
        std::size_t offset = 0;
        auto handle = msgpack::unpack(
            bytes.data(), bytes.size(), offset, /*reference=*/nullptr, nullptr, limit);
        if (offset != bytes.size()) {
            return Error{ErrorCode::invalid_argument, "trailing bytes after the message"};
        }
        return handle;
    } catch (const std::exception& error) {
        return Error{ErrorCode::invalid_argument, std::string{"not msgpack: "} + error.what()};
    }
}

template <typename Struct>
std::string pack_to_string(const Struct& value)
{
    Packed buffer;
    Packer packer{buffer};
    packer.pack_struct(value);
    return {buffer.data(), buffer.size()};
}

template <typename Struct>
common::Result<Struct> unpack_from(const msgpack::object& object, std::string_view what)
{
    Struct value;
    Unpacker unpacker{object};
    if (!unpacker.unpack_struct(object, value)) {
        return common::Error{common::ErrorCode::invalid_argument,
                             std::string{what} + " message: " + unpacker.error()};
    }
    return value;
}

} // namespace proto
