#include "common/utf8.hpp"
#include "guest/terminals/keys.hpp"
#include "tests/unit/guest_terminals/terminals_fixture.hpp"

using namespace guest::terminals;

BOOST_AUTO_TEST_SUITE(contract_contents_tests)

CONTRACT_CASE(without_a_line_it_is_the_users_shell)
{
    On<Backend> on;
    const auto pane = on.start("");
    BOOST_TEST(reason_of(on.send(pane, {TypedText{"echo $((40 + 2))st"}, NamedKey{"Enter"}})) ==
               "");
    on.shows(pane, "42st\n");
}

CONTRACT_CASE(folder_and_variables_are_those_asked_for)
{
    On<Backend> on;
    auto wanted = on.running("pwd; echo \"[$GREETING]\"; exec sleep 1000");
    const auto folder = std::filesystem::canonical(on.temp.path()) / "a#{pid} #(touch made)";
    std::filesystem::create_directory(folder);
    wanted.program.cwd = folder;
    wanted.program.env = {{"GREETING", "a 'b' \"c\" $d;"}};
    const auto pane = on.start(wanted);
    const auto shown = on.shows(pane, "[a 'b' \"c\" $d;]");
    BOOST_TEST(shown.find(folder.filename().string()) != std::string::npos);
    BOOST_TEST(on.pane(pane).path == folder.string());
    BOOST_TEST(!std::filesystem::exists(folder / "made"));
    wanted.program.cwd = (on.temp.path() / "nowhere").string();
    BOOST_TEST(reason_of(on.create(wanted)) == "no_such_cwd");
    BOOST_TEST(on.sessions().size() == 1U);
}

CONTRACT_CASE(what_a_person_would_see_is_read)
{
    On<Backend> on;
    const auto pane = on.start(
        "printf 'gone\\033[2J\\033[H'; printf '\\033[1;31mred\\033[0m plain\\r\\n';"
        "printf 'abc\\rX\\n'; printf 'one\\033[5Cfar\\n'; printf 'wrong\\b\\b\\b\\b\\b"
        "right\\n'; printf 'a\\tb\\n'; printf '\\033]2;A title\\007'; printf "
        "'\\033(0qqx\\033(B\\n'; printf '\\033[10;3Hplaced'; printf done; exec sleep 1000");
    const auto shown = on.shows(pane, "done");
    BOOST_TEST(shown == "red plain\nXbc\none     far\nright\na       b\n──│\n\n\n\n  placeddone\n");
    BOOST_TEST(on.read(pane)->lines == 10U);
    BOOST_TEST(on.pane(pane).title == "A title");
}

CONTRACT_CASE(wide_and_joining_characters_keep_their_places)
{
    On<Backend> on;
    auto wanted = on.running("printf '日本語|\\n'; printf 'e\\314\\201|\\n'; printf 'ab日\\n'; "
                             "printf '12345日6\\n'; printf done; exec sleep 1000");
    wanted.size = {10, 6};
    const auto pane = on.start(wanted);
    const auto shown = on.shows(pane, "done");
    BOOST_TEST(shown == "日本語\n|\ne\xcc\x81|\nab日\n12345\n日6\ndone\n");
    BOOST_TEST(on.sessions().front().column == 4);
    BOOST_TEST(on.sessions().front().row == 6);
}

CONTRACT_CASE(the_last_lines_reach_into_what_has_scrolled_away)
{
    On<Backend> on;
    const auto pane = on.start("seq 1 100; printf end; exec sleep 1000");
    on.shows(pane, "end");
    BOOST_TEST(on.read(pane, 3)->content == "99\n100\nend\n");
    BOOST_TEST(on.read(pane, 3)->lines == 3U);
    const auto screen = on.read(pane);
    BOOST_TEST(screen->lines == 24U);
    BOOST_TEST(screen->content.starts_with("78\n"));
    const auto all = on.read(pane, 2000);
    BOOST_TEST(all->lines == 101U);
    BOOST_TEST(all->content.starts_with("1\n2\n"));
    BOOST_TEST(on.read(pane, 4'000'000'000U)->lines == 101U);
    BOOST_TEST(!all->truncated);
}

CONTRACT_CASE(the_alternate_screen_hides_the_other_one)
{
    On<Backend> on;
    const auto pane = on.start("printf 'before'; printf '\\033[?1049h\\033[Hinside'; read x; "
                               "printf '\\033[?1049l'; printf ' after'; exec sleep 1000");
    BOOST_TEST(on.shows(pane, "inside").find("before") == std::string::npos);
    BOOST_TEST(reason_of(on.send(pane, {NamedKey{"Enter"}})) == "");
    BOOST_TEST(on.shows(pane, "before after").find("inside") == std::string::npos);
}

CONTRACT_CASE(keys_arrive_as_the_bytes_that_a_terminal_sends)
{
    On<Backend> on;
    const std::vector<Key> keys{
        TypedText{"-l;"},    TypedText{"ä;"},      NamedKey{"Enter"},  NamedKey{"Tab"},
        NamedKey{"Escape"},  NamedKey{"Space"},    NamedKey{"BSpace"}, NamedKey{"C-c"},
        NamedKey{"C-Space"}, NamedKey{"M-x"},      NamedKey{"Up"},     NamedKey{"Left"},
        NamedKey{"F1"},      NamedKey{"F5"},       NamedKey{"F12"},    NamedKey{"PageUp"},
        NamedKey{"Delete"},  NamedKey{"C-Right"},  NamedKey{"S-F6"},   NamedKey{";"},
        NamedKey{"-"},       TypedText{"Enter\n"}, NamedKey{"C-\\"},   NamedKey{"M-Enter"}};
    std::string bytes;
    for (const auto& key : keys) {
        bytes += std::holds_alternative<TypedText>(key)
                     ? std::get<TypedText>(key).text
                     : *bytes_of(std::get<NamedKey>(key).name, CursorKeys::normal);
    }
    const auto file = (on.temp.path() / "typed").string();
    const auto pane =
        on.start("stty raw -echo; printf ready; head -c " + std::to_string(bytes.size()) + " > " +
                 file + "; printf taken; exec sleep 1000");
    on.shows(pane, "ready");
    BOOST_TEST(reason_of(on.send(pane, keys)) == "");
    on.shows(pane, "taken");
    std::ifstream stream{file, std::ios::binary};
    const std::string typed{std::istreambuf_iterator<char>{stream}, {}};
    BOOST_TEST(typed == bytes);
}

CONTRACT_CASE(cursor_keys_are_as_the_program_wants_them)
{
    On<Backend> on;
    const auto pane = on.start("stty raw -echo; printf '\\033[?1hready'; head -c 3 | od -An -c; "
                               "exec sleep 1000");
    on.shows(pane, "ready");
    BOOST_TEST(reason_of(on.send(pane, {NamedKey{"Up"}})) == "");
    on.shows(pane, "033   O   A");
}

CONTRACT_CASE(keys_that_make_no_sense_are_refused_before_any_is_sent)
{
    On<Backend> on;
    const auto pane = on.start("exec cat");
    const std::vector<std::vector<Key>> refused{
        {},
        {TypedText{"seen"}, NamedKey{"Return"}},
        {NamedKey{"-t"}},
        {NamedKey{""}},
        {NamedKey{"C-"}},
        {NamedKey{"Enter;kill-server"}},
        {TypedText{std::string("a\0b", 3)}},
        {TypedText{"\xff"}},
    };
    for (const auto& keys : refused) {
        BOOST_TEST(reason_of(on.send(pane, keys)) == "invalid_keys");
    }
    BOOST_TEST(reason_of(on.send(pane, {keys_at_most + 1, NamedKey{"a"}})) == "too_many_keys");
    BOOST_TEST(reason_of(on.send(pane, {TypedText{std::string(text_at_most + 1, 'a')}})) ==
               "too_many_keys");
    // The most that is allowed goes through.
    BOOST_TEST(reason_of(on.send(pane, std::vector<Key>(keys_at_most, TypedText{"yes "}))) == "");
    on.shows(pane, "yes yes");
    BOOST_TEST(on.read(pane)->content.find("seen") == std::string::npos);
}

CONTRACT_CASE(another_size_reaches_the_program)
{
    On<Backend> on;
    const auto pane = on.start("trap 'stty size; printf changed' WINCH; stty size; "
                               "while :; do sleep 0.05; done");
    on.shows(pane, "24 80");
    BOOST_TEST(reason_of(on.resize(pane, {33, 120})) == "");
    on.shows(pane, "33 120");
    on.shows(pane, "changed");
    BOOST_TEST(on.pane(pane).size.rows == 33);
    BOOST_TEST(on.windows().front().size.columns == 120);
    BOOST_TEST(reason_of(on.resize(pane, {0, 80})) == "invalid_size");
    BOOST_TEST(reason_of(on.resize(pane, {24, columns_at_most + 1})) == "invalid_size");
}

CONTRACT_CASE(output_that_is_no_utf_8_is_read_as_utf_8)
{
    On<Backend> on;
    const auto pane = on.start("printf 'a\\377\\300\\200\\355\\240\\200b\\n\\200\\201'; "
                               "head -c 5000 /dev/urandom | tr -d '\\016\\017\\033\\200-\\237'; "
                               "printf '\\030\\033cdone'; "
                               "exec sleep 1000");
    on.shows(pane, "done");
    const auto text = on.read(pane, 2000);
    BOOST_TEST(common::is_utf8(text->content));
    for (const auto& each : on.panes()) {
        BOOST_TEST(common::is_utf8(each.title));
    }
}

BOOST_AUTO_TEST_SUITE_END()
