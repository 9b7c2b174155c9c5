#include "vt/parser.hpp"

#include "vt/characters.hpp"

namespace vt {

namespace {

constexpr std::uint16_t parameter_at_most = 9999;
constexpr std::size_t command_text_at_most = 256;
constexpr char32_t replacement = 0xfffd;

constexpr char escape_byte = 0x1b;
constexpr char cancel = 0x18;
constexpr char substitute = 0x1a;
constexpr char bell = 0x07;

} // namespace

/// UTF-8 first: what a sequence is made of is ASCII, and no byte of a longer character looks so.
void Parser::feed(char next, Actions& actions)
{
    const auto byte = static_cast<unsigned char>(next);
    if (missing_ > 0 && (byte & 0xc0U) != 0x80U) {
        missing_ = 0;
        take(replacement, actions); // And the byte begins anew.
    }
    if (missing_ > 0) {
        partial_ = (partial_ << 6U) | (byte & 0x3fU);
        if (--missing_ == 0) {
            const bool good = partial_ >= least_ && partial_ <= 0x10ffff &&
                              (partial_ < 0xd800 || partial_ > 0xdfff);
            take(good ? partial_ : replacement, actions);
        }
    } else if (byte < 0x80) {
        take(byte, actions);
    } else if (byte >= 0xc2 && byte < 0xe0) {
        partial_ = byte & 0x1fU;
        least_ = 0x80;
        missing_ = 1;
    } else if (byte >= 0xe0 && byte < 0xf0) {
        partial_ = byte & 0x0fU;
        least_ = 0x800;
        missing_ = 2;
    } else if (byte >= 0xf0 && byte < 0xf5) {
        partial_ = byte & 0x07U;
        least_ = 0x10000;
        missing_ = 3;
    } else {
        take(replacement, actions);
    }
}

void Parser::take(char32_t character, Actions& actions)
{
    const char byte = character < 0x80 ? static_cast<char>(character) : '\0';
    if (byte == cancel || byte == substitute) {
        state_ = State::ground;
        return;
    }
    if (byte == escape_byte) {
        // Ends what was before it. A command is done by it, if a backslash follows or not.
        if (state_ == State::command) {
            end_command(actions);
        }
        escape_in_text_ = state_ == State::command || state_ == State::text;
        state_ = State::escape;
        intermediate_ = 0;
        return;
    }
    switch (state_) {
    case State::command:
        if (byte == bell) {
            end_command(actions);
            state_ = State::ground;
        } else if (command_.size() < command_text_at_most && width_of(character) >= 0) {
            append_utf8(command_, character);
        }
        return;
    case State::text:
        if (byte == bell) {
            state_ = State::ground;
        }
        return;
    case State::ground:
    case State::escape:
    case State::sequence:
    case State::ignored_sequence: break;
    }
    if (character < 0x20) {
        actions.control(byte); // Also in the middle of a sequence.
        return;
    }
    if (state_ == State::ground || character >= 0x7f) {
        // DEL is nothing; another one in the middle of a sequence breaks it off.
        if (character != 0x7f) {
            state_ = State::ground;
            actions.print(character);
        }
        return;
    }
    if (state_ == State::escape) {
        in_escape(byte, actions);
    } else {
        in_sequence(byte, actions);
    }
}

void Parser::in_escape(char byte, Actions& actions)
{
    if (byte < 0x30) {
        intermediate_ = byte;
        return;
    }
    state_ = State::ground;
    if (intermediate_ != 0) {
        actions.escape(intermediate_, byte);
        return;
    }
    switch (byte) {
    case '[':
        sequence_ = {};
        state_ = State::sequence;
        return;
    case ']':
        command_.clear();
        state_ = State::command;
        return;
    case 'P':
    case 'X':
    case '^':
    case '_': state_ = State::text; return; // DCS, SOS, PM, APC: read over.
    case 'k': state_ = State::text; return; // screen's own title.
    case '\\':
        if (escape_in_text_) {
            return; // The end of a string that is over already.
        }
        break;
    default: break;
    }
    actions.escape(0, byte);
}

void Parser::in_sequence(char byte, Actions& actions)
{
    if (byte >= 0x40) {
        const bool good = state_ == State::sequence;
        state_ = State::ground;
        sequence_.final = byte;
        if (good) {
            actions.sequence(sequence_);
        }
        return;
    }
    const bool digit = byte >= '0' && byte <= '9';
    if (byte < 0x30) {
        if (sequence_.intermediate != 0) {
            state_ = State::ignored_sequence;
        }
        sequence_.intermediate = byte;
    } else if (byte >= '<') {
        if (sequence_.count > 0 || sequence_.marker != 0) {
            state_ = State::ignored_sequence;
        }
        sequence_.marker = byte;
    } else if (digit || byte == ';' || byte == ':') {
        if (sequence_.count == 0) {
            sequence_.count = 1;
        }
        if (!digit) {
            if (sequence_.count == ControlSequence::parameters_at_most) {
                state_ = State::ignored_sequence;
                return;
            }
            sequence_.joined |= (byte == ':' ? 1U : 0U) << sequence_.count;
            ++sequence_.count;
            return;
        }
        auto& parameter = sequence_.parameters[sequence_.count - 1];
        const unsigned value = parameter * 10U + static_cast<unsigned>(byte - '0');
        parameter =
            static_cast<std::uint16_t>(value < parameter_at_most ? value : parameter_at_most);
    }
}

void Parser::end_command(Actions& actions)
{
    int number = 0;
    std::size_t at = 0;
    for (; at < command_.size() && at < 4 && command_[at] >= '0' && command_[at] <= '9'; ++at) {
        number = number * 10 + (command_[at] - '0');
    }
    if (at == 0 || at == command_.size() || command_[at] != ';') {
        return;
    }
    actions.command(number, std::string_view{command_}.substr(at + 1));
}

} // namespace vt
