// What programs in a guest's terminals can write, what a tmux server of theirs can print, and the
// pictures of what its console says. The first byte chooses one.
#include "common/utf8.hpp"
#include "guest/terminals/tmux_control.hpp"
#include "guest/terminals/tmux_records.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/stability.hpp"
#include "vt/picture/console.hpp"
#include "vt/picture/font.hpp"
#include "vt/screen.hpp"

namespace {

using namespace guest::terminals;
using vt::Screen;

void feed_all(Screen& screen, std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto taken = screen.feed(bytes);
        require(taken > 0);
        bytes.remove_prefix(taken);
    }
}

/// Two bytes of size before each NUL: the screen changes on the way.
void screen(std::string_view bytes)
{
    Screen shown{{6, 11}, {}};
    while (bytes.size() > 2) {
        const auto side = [](char byte) {
            return static_cast<std::uint16_t>(1 + static_cast<unsigned char>(byte) % 40);
        };
        shown.resize({side(bytes[0]), side(bytes[1])});
        bytes.remove_prefix(2);
        const auto end = std::min(bytes.find('\0'), bytes.size());
        feed_all(shown, bytes.substr(0, end));
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
        require(shown.row() >= 0 && shown.row() < shown.size().rows);
        require(shown.column() >= 0 && shown.column() < shown.size().columns);
        require(common::is_utf8(shown.title()));
        require(shown.take_replies().size() <= 1024);
    }
    const auto text = shown.text(0).content;
    require(common::is_utf8(text) && common::is_utf8(shown.text(2000).content));
    Screen later{shown.size(), {}};
    feed_all(later, shown.redraw());
    require(later.text(0).content == text);
}

std::string told(std::string_view bytes, std::size_t piece)
{
    std::string told;
    TmuxControl control{{[&](const TmuxControl::Reply& reply) {
                             told += (reply.asked ? "asked " : "own ") + reply.lines;
                         },
                         [&](std::string_view pane, const std::string& output) {
                             told.append(pane).append(output);
                         },
                         [&] { told += "exit"; }}};
    while (!bytes.empty() && control.feed(bytes.substr(0, piece))) {
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return told;
}

void control(std::string_view bytes)
{
    require(told(bytes, 1) == told(bytes, bytes.size() + 1));
}

/// With the mark of these records in the place of each NUL.
void records(std::string_view bytes)
{
    const TmuxRecords records;
    const auto format = records.pane_format();
    const auto mark = format.substr(0, format.find('='));
    std::string printed;
    for (const char byte : bytes) {
        printed += byte == '\0' ? mark : std::string(1, byte);
    }
    if (const auto panes = records.panes(printed)) {
        for (const auto& pane : *panes) {
            require(common::is_utf8(pane.title + pane.path + pane.window + pane.session));
        }
    }
    static_cast<void>(records.sessions(printed));
    static_cast<void>(records.windows(printed));
    require(common::is_utf8(tmux_error(bytes).message));
}

/// After two bytes of size. All that libpng is given is drawn before.
void picture(std::string_view bytes)
{
    if (bytes.size() < 2) {
        return;
    }
    const auto side = [&bytes](std::size_t at, unsigned least) {
        return static_cast<std::uint16_t>(least + static_cast<unsigned char>(bytes[at]) % 20);
    };
    const vt::Size size{side(0, 5), side(1, 20)};
    const auto shown =
        vt::picture::terminal_after(vt::picture::from_a_beginning(bytes.substr(2)), size);
    const auto png = vt::picture::picture_of(shown);
    require(png && png->starts_with("\x89PNG"));
    require(png->size() < std::size_t{3} * size.rows * size.columns * vt::picture::glyph_width *
                                  vt::picture::glyph_height +
                              8192);
}

std::vector<std::string> seeds()
{
    using namespace std::string_literals;
    return {
        "\0\x05\x09text "
        "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[3;4H\x1b[2@\x1b[?1049h\0\x20\x20\xe6\x97\xa5"
        "e\xcc\x81\x1b(0qqx\x1b]2;title\x07\x1b[2;4r\x1b[5b\x1b[6n\x1b[?1049l"s,
        "\1%begin 1 2 0\n%end 1 2 0\n%output %5 a\\033[m\n%begin 1 3 1\nline\n%end 1 3 1\n%exit\n"s,
        "\2\0=%5\0=work\0=0\0=sh\0=1\0=title\0=/root\0=77\0=1\0=80\0=24\0=1\0=7\0=\0=3.3a\0.\n"s,
        "\3\x05\x09text\x1b[1;7;38;5;200;48;2;1;2;3mlooks\x1b[4;9;2;8m\xe6\x97\xa5"
        "e\xcc\x81\x1b(0qqx\x1b(B\xe2\x96\x84\xe2\xa0\xbf\xef\xbc\xa1\x1b[?25l\x1b[H"s,
        "\2\0=$5\0=work\0=1700000000\0=1\0=0\0=1\0=2\0.\n"s};
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv)
{
    write_seeds_if_asked(*argc, *argv, seeds());
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0] % 4) {
    case 0: screen(bytes); break;
    case 1: control(bytes); break;
    case 3: picture(bytes); break;
    default: records(bytes); break;
    }
    return 0;
}
