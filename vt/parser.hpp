#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vt {

/// A control sequence (CSI) that was read to its end.
struct ControlSequence {
    static constexpr std::size_t parameters_at_most = 32;

    std::array<std::uint16_t, parameters_at_most> parameters{}; ///< 0 where none was given.
    std::uint32_t joined = 0; ///< A bit for each that a ':' joins to the one before it.
    std::size_t count = 0;
    char marker = 0;       ///< One of < = > ? in front; 0 for none.
    char intermediate = 0; ///< One of space to '/', before the final; 0 for none.
    char final = 0;

    /// `otherwise` where it is missing or 0.
    [[nodiscard]] std::uint16_t at(std::size_t index, std::uint16_t otherwise) const noexcept
    {
        return index < count && parameters[index] != 0 ? parameters[index] : otherwise;
    }
};

/// What is done with what a program writes.
class Actions {
public:
    virtual ~Actions() = default;
    virtual void print(char32_t character) = 0;
    virtual void control(char byte) = 0;
    /// `intermediate`: 0 for none.
    virtual void escape(char intermediate, char final) = 0;
    virtual void sequence(const ControlSequence& sequence) = 0;
    /// Of an operating system command: its number and text, UTF-8 and cut at some 256 bytes.
    virtual void command(int number, std::string_view text) = 0;
};

/// Takes a program's output apart: ECMA-48's sequences in UTF-8, as xterm reads them. Any bytes
/// will do, cut anywhere; what is ill-formed prints U+FFFD or does nothing. Its memory is fixed.
class Parser {
public:
    void feed(char byte, Actions& actions);

private:
    enum class State { ground, escape, sequence, ignored_sequence, command, text };

    void take(char32_t character, Actions& actions);
    void in_escape(char byte, Actions& actions);
    void in_sequence(char byte, Actions& actions);
    void end_command(Actions& actions);

    State state_ = State::ground;
    char intermediate_ = 0;
    ControlSequence sequence_{};
    std::string command_;
    bool escape_in_text_ = false;

    char32_t partial_ = 0; ///< Of a UTF-8 sequence.
    char32_t least_ = 0;   ///< What it must not be below: it would be overlong.
    int missing_ = 0;
};

} // namespace vt
